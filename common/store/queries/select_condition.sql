SELECT (SELECT count(*) FROM quarantine) AS quarantined,
       (SELECT count(*) FROM dead_letters WHERE retried_at IS NULL) AS dead_letters,
       (SELECT count(*) FROM changes) AS changes,
       (SELECT min(made_at) FROM changes) AS oldest_change,
       pg_database_size(current_database()) AS bytes,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       current_setting('max_connections')::int AS connections_max,
       (SELECT count(*) FROM notification_deliveries WHERE state = 'waiting') AS messages_waiting,
       (SELECT count(*) FROM notification_deliveries WHERE state = 'given_up') AS messages_given_up
