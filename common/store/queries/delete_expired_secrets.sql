-- What another is deleting at this moment is left to it, so that each is audited once.
DELETE FROM api_key_secrets
WHERE hash IN (
    SELECT hash FROM api_key_secrets
    WHERE expires_at <= %s
    LIMIT %s
    FOR UPDATE SKIP LOCKED
)
RETURNING hash, key_id, prefix, expires_at
