-- What limits scopes: one, or a page of all that set anything, in the order of the scopes.
SELECT scope, limits, budgets, calendar, unpriced_models, version
FROM (
    SELECT 'organisation' AS scope, limits, budgets, calendar, unpriced_models, version FROM organisation
    UNION ALL
    SELECT 'team:' || id, limits, budgets, calendar, unpriced_models, version FROM teams
    UNION ALL
    SELECT 'user:' || id, limits, budgets, calendar, NULL, version FROM users
) AS policies
WHERE (%(scope)s::text IS NULL AND 
       (limits <> '{}' OR budgets <> '[]' OR unpriced_models IS NOT NULL) OR scope = %(scope)s)
  AND scope COLLATE "C" > %(after)s
ORDER BY scope COLLATE "C"
LIMIT %(limit)s
