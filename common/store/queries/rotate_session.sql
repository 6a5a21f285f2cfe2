-- Only who brings the token of this generation goes on; one of two at the same time.
UPDATE sessions SET generation = generation + 1, refreshed_at = now()
WHERE id = %s AND generation = %s AND ended_at IS NULL AND ends_at > now()
