DELETE FROM users WHERE id = %s
