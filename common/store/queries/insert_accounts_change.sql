INSERT INTO changes (kind, subject, version)
SELECT 'accounts', id, version FROM accounts WHERE id = %s
