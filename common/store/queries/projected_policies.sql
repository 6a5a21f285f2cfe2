-- What limits scopes: one, or a page of all that have limits or rules, in the order of the scopes.
SELECT scope, limits, budgets, calendar, access, version
FROM (
    SELECT 'organisation' AS scope, limits, budgets, calendar, access, version FROM organisation
    UNION ALL
    SELECT 'team:' || id, limits, budgets, calendar, access, version FROM teams
    UNION ALL
    SELECT 'user:' || id, limits, budgets, calendar, access, version FROM users
) AS policies
WHERE (%(scope)s::text IS NULL
        AND (limits <> '{}' OR budgets <> '[]' OR access <> '{}')
    OR scope = %(scope)s)
  AND scope COLLATE "C" > %(after)s
ORDER BY scope COLLATE "C"
LIMIT %(limit)s
