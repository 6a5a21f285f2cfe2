SELECT users.*, (
    SELECT count(*) FROM api_keys WHERE user_id = users.id AND status = 'active'
) AS active_keys
FROM users
WHERE (%(id)s::text IS NULL OR id = %(id)s)
  AND (%(after)s::text IS NULL OR id > %(after)s)
  AND (%(team_ids)s::uuid[] IS NULL OR team_id = ANY(%(team_ids)s))
  AND (%(search)s::text IS NULL
    OR strpos(lower(id), lower(%(search)s)) > 0
    OR strpos(lower(name), lower(%(search)s)) > 0
    OR strpos(lower(email), lower(%(search)s)) > 0)
ORDER BY id
LIMIT %(limit)s
