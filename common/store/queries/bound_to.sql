-- Who is bound to a group or an account, revoked keys too: they may be restored.
SELECT 'key' AS kind, id, name FROM api_keys WHERE routing ->> %(rule)s = %(subject)s
UNION ALL
SELECT 'team', id, name FROM teams WHERE routing ->> %(rule)s = %(subject)s
ORDER BY kind, id
LIMIT %(limit)s
