SELECT id, name, role, team_ids, areas, token_prefix, old_token_ends_at, expires_at, created_by,
       created_at, updated_at, revoked_at, last_used_at
FROM service_accounts
WHERE (%(id)s::uuid IS NULL OR id = %(id)s)
  AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s
