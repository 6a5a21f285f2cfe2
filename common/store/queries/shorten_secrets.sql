-- The secrets that a key has now end at that time, unless they end before it.
UPDATE api_key_secrets
SET expires_at = least(expires_at, now() + make_interval(secs => %s))
WHERE key_id = %s
