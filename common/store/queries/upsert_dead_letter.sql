-- Once an event, however often it dies. One that was sent again and died again waits anew.
INSERT INTO dead_letters (
    id, event_id, event_source, event_type, error_code, error_destination, attributes, body
)
VALUES (
    %(id)s, %(event_id)s, %(event_source)s, %(event_type)s, %(error_code)s,
    %(error_destination)s, %(attributes)s, %(body)s
)
ON CONFLICT (event_source, event_id) DO UPDATE SET
    received_at = now(), event_type = excluded.event_type, error_code = excluded.error_code,
    error_destination = excluded.error_destination, attributes = excluded.attributes,
    body = excluded.body, retried_at = NULL
