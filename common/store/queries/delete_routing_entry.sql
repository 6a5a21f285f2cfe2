DELETE FROM routing_entries WHERE kind = %s AND name = %s
