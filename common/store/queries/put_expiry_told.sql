INSERT INTO expiries_told (key_id, days, expires_at)
SELECT id, %(days)s, %(expires_at)s FROM api_keys WHERE id = %(key_id)s
ON CONFLICT (key_id, days) DO UPDATE SET expires_at = excluded.expires_at
