INSERT INTO changes (kind, subject, version)
SELECT 'routing', '00000000-0000-0000-0000-000000000000', version FROM routing
