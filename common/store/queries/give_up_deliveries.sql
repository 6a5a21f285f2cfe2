-- What waits for a channel that sends no more.
UPDATE notification_deliveries
SET state = 'given_up', last_error = %(error)s, updated_at = now()
WHERE channel_id = %(channel_id)s AND state = 'waiting'
