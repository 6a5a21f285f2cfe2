UPDATE dead_letters SET retried_at = now() WHERE id = %s
