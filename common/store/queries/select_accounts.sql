SELECT * FROM accounts
WHERE deleted_at IS NULL
  AND (%(id)s::uuid IS NULL OR id = %(id)s)
  AND (%(provider)s::text IS NULL OR provider = %(provider)s)
  AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s
