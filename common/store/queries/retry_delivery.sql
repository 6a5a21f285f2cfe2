-- Due at once, as if it had never been tried. What was sent stays sent.
UPDATE notification_deliveries
SET state = 'waiting', attempts = 0, next_attempt_at = now(), updated_at = now()
WHERE id = %s AND state <> 'sent'
