-- A page of accounts whose budgets or daily tokens are counted, in the order of their ids.
SELECT 'account' AS scope, id::text AS subject, limits, budgets, calendar
FROM accounts
WHERE deleted_at IS NULL AND (budgets <> '[]' OR limits ? 'tokens_per_day')
  AND (%(subject)s::text IS NULL OR id = %(subject)s::uuid)
  AND (%(after)s = '' OR id > nullif(%(after)s, '')::uuid)
ORDER BY id
LIMIT %(limit)s
