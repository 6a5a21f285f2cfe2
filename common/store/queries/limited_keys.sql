-- A page of keys whose budgets or daily limits are counted, in the order of their ids.
SELECT 'key:' || id AS scope, id::text AS subject, limits, budgets, calendar
FROM api_keys
WHERE (budgets <> '[]' OR limits ?| ARRAY['requests_per_day', 'tokens_per_day'])
  AND (%(subject)s::text IS NULL OR id = %(subject)s::uuid)
  AND (%(after)s = '' OR id > nullif(%(after)s, '')::uuid)
ORDER BY id
LIMIT %(limit)s
