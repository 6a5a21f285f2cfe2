SELECT count(*) AS count FROM idempotent_replies
WHERE body IS NOT NULL AND created_at <= now() - make_interval(mins => %s)
