-- A page of users whose budgets or daily limits are counted, in the order of their ids.
SELECT 'user:' || id AS scope, id::text AS subject, limits, budgets, calendar
FROM users
WHERE (budgets <> '[]' OR limits ?| ARRAY['requests_per_day', 'tokens_per_day'])
  AND (%(subject)s::text IS NULL OR id = %(subject)s)
  AND (%(after)s = '' OR id > nullif(%(after)s, ''))
ORDER BY id
LIMIT %(limit)s
