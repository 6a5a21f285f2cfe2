-- Some of a team's users and keys, and how many there are; revoked keys last, which count.
SELECT kind, id, name, count(*) OVER () AS total
FROM (
    SELECT 'user' AS kind, id, name, false AS revoked FROM users WHERE team_id = %(team_id)s
    UNION ALL
    SELECT 'key', id::text, name, status = 'revoked' FROM api_keys WHERE team_id = %(team_id)s
) AS members
ORDER BY revoked, kind DESC, id
LIMIT %(limit)s
