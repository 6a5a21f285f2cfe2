SELECT *, now() AS read_at
FROM sessions
WHERE (%(id)s::uuid IS NULL OR id = %(id)s)
  AND (%(subject)s::text IS NULL OR subject = %(subject)s)
  AND (%(before)s::uuid IS NULL OR id < %(before)s)
  AND ended_at IS NULL AND ends_at > now()
ORDER BY id DESC
LIMIT %(limit)s
