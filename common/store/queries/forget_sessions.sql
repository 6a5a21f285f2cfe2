DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE ends_at < now() - interval '30 days' LIMIT 1000
)
