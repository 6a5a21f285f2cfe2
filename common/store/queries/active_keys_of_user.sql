SELECT 'key' AS kind, id::text, name, count(*) OVER () AS total
FROM api_keys
WHERE user_id = %(user_id)s AND status = 'active'
ORDER BY id
LIMIT %(limit)s
