INSERT INTO changes (kind, subject, version)
SELECT 'key', id, version FROM api_keys WHERE id = ANY (%s)
