-- A page of channels, newest first.
SELECT * FROM notification_channels
WHERE (%(id)s::uuid IS NULL OR id = %(id)s)
  AND (%(before)s::uuid IS NULL OR id < %(before)s)
  AND (NOT %(enabled)s OR enabled)
ORDER BY id DESC
LIMIT %(limit)s
