SELECT count(*) AS count FROM api_key_secrets WHERE expires_at <= %s
