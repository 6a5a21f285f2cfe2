INSERT INTO idempotent_replies (token, request_digest, subject_id, status, body)
VALUES (%s, %s, %s, %s, %s)
