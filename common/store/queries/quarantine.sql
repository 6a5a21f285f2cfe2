INSERT INTO quarantine (fingerprint, reason, detail, outbox_id, record)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (fingerprint) DO NOTHING
