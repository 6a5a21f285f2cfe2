UPDATE sessions SET ended_at = now(), ended_by = %s
WHERE user_id = %s AND role = 'portal' AND ended_at IS NULL AND ends_at > now()
