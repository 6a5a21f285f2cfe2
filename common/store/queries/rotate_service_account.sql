UPDATE service_accounts
SET old_token_hash = token_hash, old_token_ends_at = now() + %(grace_s)s * interval '1 second',
    token_hash = %(token_hash)s, token_prefix = %(token_prefix)s, updated_at = now()
WHERE id = %(id)s AND revoked_at IS NULL
