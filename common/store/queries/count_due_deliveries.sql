SELECT count(*) AS count
FROM notification_deliveries AS due
JOIN notification_channels AS channel ON channel.id = due.channel_id AND channel.enabled
WHERE due.state = 'waiting' AND due.next_attempt_at <= now()
