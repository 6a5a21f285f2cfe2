-- By its token, or the one before while its grace lasts; not one that is revoked or over.
SELECT id, name, role, team_ids, areas
FROM service_accounts
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
  AND (token_hash = %(hash)s OR (old_token_hash = %(hash)s AND old_token_ends_at > now()))
