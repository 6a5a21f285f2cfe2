-- Only whoever tried last says how it went.
UPDATE notification_deliveries
SET state = %(state)s, last_error = %(error)s, updated_at = now(),
    next_attempt_at = coalesce(%(next_attempt_at)s, next_attempt_at)
WHERE id = %(id)s AND attempts = %(attempts)s AND state = 'waiting'
