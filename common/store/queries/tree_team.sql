SELECT id::text AS id, name, 'team:' || id AS scope, limits, budgets, calendar
FROM teams
WHERE %(team_ids)s::uuid[] IS NULL OR id = ANY (%(team_ids)s)
