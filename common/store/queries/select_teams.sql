SELECT teams.*,
       (SELECT count(*) FROM users WHERE team_id = teams.id) AS users,
       (SELECT count(*) FROM api_keys WHERE team_id = teams.id AND status = 'active')
           AS active_keys
FROM teams
WHERE (%(id)s::uuid IS NULL OR id = %(id)s)
  AND (%(name)s::text IS NULL OR name = %(name)s)
  AND (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s))
  AND (%(search)s::text IS NULL
    OR strpos(lower(name), lower(%(search)s)) > 0
    OR strpos(lower(description), lower(%(search)s)) > 0)
  AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s
