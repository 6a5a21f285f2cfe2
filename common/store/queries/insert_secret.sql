INSERT INTO api_key_secrets (hash, key_id, prefix) VALUES (%s, %s, %s)
