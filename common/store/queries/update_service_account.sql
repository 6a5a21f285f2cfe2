UPDATE service_accounts
SET name = %(name)s, role = %(role)s, team_ids = %(team_ids)s, areas = %(areas)s,
    expires_at = %(expires_at)s, updated_at = now()
WHERE id = %(id)s AND revoked_at IS NULL AND updated_at = %(read_at)s
