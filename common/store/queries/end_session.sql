UPDATE sessions SET ended_at = now(), ended_by = %s
WHERE id = %s AND ended_at IS NULL AND ends_at > now()
