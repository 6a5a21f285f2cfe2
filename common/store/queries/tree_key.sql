SELECT id::text AS id, name, 'key:' || id AS scope, limits, budgets, calendar
FROM api_keys
WHERE user_id = %(user_id)s AND team_id IS NOT DISTINCT FROM %(team_id)s::uuid
  AND status <> 'revoked'
