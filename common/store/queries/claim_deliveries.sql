-- Messages that are due, for one who tries them now: nobody else gets them until the lease's end.
UPDATE notification_deliveries AS taken
SET attempts = attempts + 1, updated_at = now(),
    next_attempt_at = now() + %(lease_s)s * interval '1 second'
WHERE id IN (
    SELECT due.id
    FROM notification_deliveries AS due
    JOIN notification_channels AS channel ON channel.id = due.channel_id AND channel.enabled
    WHERE due.state = 'waiting' AND due.next_attempt_at <= now()
    ORDER BY due.next_attempt_at
    LIMIT %(limit)s
    FOR UPDATE OF due SKIP LOCKED
)
RETURNING id, channel_id, notice, attempts
