-- Final; a key that is revoked already keeps its time and version.
UPDATE api_keys
SET status = 'revoked', revoked_at = now(), version = nextval('projection_versions'),
    updated_at = now()
WHERE id = %s AND status <> 'revoked'
