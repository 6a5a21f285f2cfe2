-- What holds for scopes: one, or a page of all that say anything, in the order of the scopes.
SELECT scope, limits, budgets, calendar, access, unpriced_models, client_gone, routing, version
FROM (
    SELECT 'organisation' AS scope, limits, budgets, calendar, access, unpriced_models, client_gone,
           routing, version
    FROM organisation
    UNION ALL
    SELECT 'team:' || id, limits, budgets, calendar, access, unpriced_models, client_gone, routing,
           version
    FROM teams
    UNION ALL
    SELECT 'user:' || id, limits, budgets, calendar, access, NULL, NULL, '{}', version
    FROM users
) AS policies
WHERE (%(scope)s::text IS NULL
           AND (limits <> '{}' OR budgets <> '[]' OR access <> '{}' OR unpriced_models IS NOT NULL
                OR client_gone IS NOT NULL OR routing <> '{}')
       OR scope = %(scope)s)
  AND scope COLLATE "C" > %(after)s
ORDER BY scope COLLATE "C"
LIMIT %(limit)s
