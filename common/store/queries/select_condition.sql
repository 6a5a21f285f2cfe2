SELECT (SELECT count(*) FROM quarantine) AS quarantined,
       (SELECT count(*) FROM dead_letters WHERE retried_at IS NULL) AS dead_letters,
       (SELECT count(*) FROM changes) AS changes,
       (SELECT min(made_at) FROM changes) AS oldest_change
