-- What holds for scopes: one, or a page of all that say anything, in the order of the scopes.
SELECT scope, limits, budgets, calendar, access, unpriced_models, client_gone, routing, redaction,
       content_policy, response_cache, version
FROM (
    SELECT 'organisation' AS scope, limits, budgets, calendar, access, unpriced_models, client_gone,
           routing, redaction, content_policy, response_cache, version
    FROM organisation
    UNION ALL
    SELECT 'team:' || id, limits, budgets, calendar, access, unpriced_models, client_gone, routing,
           redaction, content_policy, response_cache, version
    FROM teams
    UNION ALL
    SELECT 'user:' || id, limits, budgets, calendar, access, NULL, NULL, '{}', NULL, NULL, NULL,
           version
    FROM users
) AS policies
WHERE (%(scope)s::text IS NULL
           AND (limits <> '{}' OR budgets <> '[]' OR access <> '{}' OR unpriced_models IS NOT NULL
                OR client_gone IS NOT NULL OR routing <> '{}' OR redaction IS NOT NULL
                OR content_policy IS NOT NULL OR response_cache IS NOT NULL)
       OR scope = %(scope)s)
  AND scope COLLATE "C" > %(after)s
ORDER BY scope COLLATE "C"
LIMIT %(limit)s
