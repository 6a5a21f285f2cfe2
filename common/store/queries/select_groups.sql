-- A page of groups, newest first.
SELECT * FROM account_groups
WHERE (%(id)s::uuid IS NULL OR id = %(id)s)
  AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s
