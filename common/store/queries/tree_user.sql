-- Whoever belongs to the team, and whoever has a key of it; without one, whoever has a key without.
-- Of users of other teams than `told_of` (null: of all) no more than the id, with which keys go.
SELECT id, CASE WHEN told THEN coalesce(nullif(name, ''), id) ELSE id END AS name,
    'user:' || id AS scope,
    CASE WHEN told THEN limits ELSE '{}' END AS limits,
    CASE WHEN told THEN budgets ELSE '[]' END AS budgets,
    CASE WHEN told THEN calendar ELSE '{}' END AS calendar
FROM users
CROSS JOIN LATERAL (
    SELECT %(told_of)s::uuid[] IS NULL OR team_id = ANY(%(told_of)s) AS told
) AS seen
WHERE CASE
    WHEN %(team_id)s::uuid IS NOT NULL THEN team_id = %(team_id)s OR EXISTS (
        SELECT FROM api_keys WHERE user_id = users.id AND api_keys.team_id = %(team_id)s
    )
    ELSE EXISTS (SELECT FROM api_keys WHERE user_id = users.id AND api_keys.team_id IS NULL)
        OR (team_id IS NULL AND NOT EXISTS (SELECT FROM api_keys WHERE user_id = users.id))
END
