-- The current version of a key, to be projected.
INSERT INTO changes (kind, subject, version) SELECT 'key', id, version FROM api_keys WHERE id = %s
