SELECT request_digest, subject_id, status,
       CASE WHEN created_at > now() - make_interval(mins => %s) THEN body END AS body
FROM idempotent_replies
WHERE token = %s
