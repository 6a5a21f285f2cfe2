UPDATE sessions SET ended_at = now(), ended_by = %s
WHERE subject = %s AND ended_at IS NULL AND ends_at > now()
