-- What another is wiping at this moment is left to it.
UPDATE idempotent_replies SET body = NULL
WHERE token IN (
    SELECT token FROM idempotent_replies
    WHERE body IS NOT NULL AND created_at <= now() - make_interval(mins => %s)
    LIMIT %s
    FOR UPDATE SKIP LOCKED
)
