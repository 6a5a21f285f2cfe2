SELECT id, kind, subject FROM changes ORDER BY id LIMIT %s
