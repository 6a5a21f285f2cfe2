-- Which users somebody may be: the one that they were before, else one of their id or address.
SELECT id, subject
FROM users
WHERE subject = %(subject)s
  OR (NOT EXISTS (SELECT FROM users WHERE subject = %(subject)s)
    AND (id = %(user_id)s OR (%(email)s <> '' AND email <> '' AND lower(email) = %(email)s)))
ORDER BY (id = %(user_id)s) DESC, id
LIMIT 3
