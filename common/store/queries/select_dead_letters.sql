SELECT id, received_at, event_id, event_source, event_type, error_code, error_destination,
       attributes, body, retried_at
FROM dead_letters
WHERE (%(id)s::uuid IS NULL OR id = %(id)s)
  AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s
