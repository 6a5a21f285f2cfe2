-- The organisation, if its budgets or daily limits are counted. The arguments are there for all
-- levels alike.
SELECT 'organisation' AS scope, 'organisation' AS subject, limits, budgets, calendar
FROM organisation
WHERE (budgets <> '[]' OR limits ?| ARRAY['requests_per_day', 'tokens_per_day'])
  AND (%(subject)s::text IS NULL OR %(subject)s = 'organisation')
  AND %(after)s < 'organisation'
LIMIT %(limit)s
