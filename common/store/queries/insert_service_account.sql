INSERT INTO service_accounts (id, name, role, team_ids, areas, token_hash, token_prefix, expires_at,
                              created_by)
VALUES (%(id)s, %(name)s, %(role)s, %(team_ids)s, %(areas)s, %(token_hash)s, %(token_prefix)s,
        %(expires_at)s, %(created_by)s)
