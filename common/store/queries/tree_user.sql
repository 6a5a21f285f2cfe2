-- Whoever belongs to the team, and whoever has a key of it; without one, whoever has a key without.
SELECT id, coalesce(nullif(name, ''), id) AS name, 'user:' || id AS scope, limits, budgets, calendar
FROM users
WHERE CASE
    WHEN %(team_id)s::uuid IS NOT NULL THEN team_id = %(team_id)s OR EXISTS (
        SELECT FROM api_keys WHERE user_id = users.id AND api_keys.team_id = %(team_id)s
    )
    ELSE EXISTS (SELECT FROM api_keys WHERE user_id = users.id AND api_keys.team_id IS NULL)
        OR (team_id IS NULL AND NOT EXISTS (SELECT FROM api_keys WHERE user_id = users.id))
END
