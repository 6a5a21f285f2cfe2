-- Who is bound to a group or an account; revoked keys last, which count as they may be restored.
SELECT 'key' AS kind, id, name, status = 'revoked' AS revoked
FROM api_keys WHERE routing ->> %(rule)s = %(subject)s
UNION ALL
SELECT 'team', id, name, false FROM teams WHERE routing ->> %(rule)s = %(subject)s
ORDER BY revoked, kind, id
LIMIT %(limit)s
