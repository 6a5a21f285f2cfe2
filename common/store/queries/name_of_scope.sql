-- What a level's subject is called, and whose team it is.
SELECT name, id AS team_id FROM teams WHERE %(scope)s = 'team' AND id::text = %(id)s
UNION ALL
SELECT coalesce(nullif(name, ''), id), team_id FROM users
WHERE %(scope)s = 'user' AND id = %(id)s
UNION ALL
SELECT name, team_id FROM api_keys WHERE %(scope)s = 'key' AND id::text = %(id)s
UNION ALL
SELECT name, NULL FROM accounts WHERE %(scope)s = 'account' AND id::text = %(id)s
