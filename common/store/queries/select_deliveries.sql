-- A page of messages, newest first.
SELECT delivery.*, channel.name AS channel_name
FROM notification_deliveries AS delivery
JOIN notification_channels AS channel ON channel.id = delivery.channel_id
WHERE (%(id)s::uuid IS NULL OR delivery.id = %(id)s)
  AND (%(before)s::uuid IS NULL OR delivery.id < %(before)s)
  AND (%(channel_id)s::uuid IS NULL OR delivery.channel_id = %(channel_id)s)
  AND (%(state)s::text IS NULL OR delivery.state = %(state)s)
ORDER BY delivery.id DESC
LIMIT %(limit)s
