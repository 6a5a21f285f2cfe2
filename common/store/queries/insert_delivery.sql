-- Once a channel and event. A channel that is gone meanwhile gets nothing.
INSERT INTO notification_deliveries (id, channel_id, event_id, notice)
SELECT %(id)s, channel.id, %(event_id)s, %(notice)s
FROM notification_channels AS channel
WHERE channel.id = %(channel_id)s
FOR SHARE
ON CONFLICT (channel_id, event_id) DO NOTHING
