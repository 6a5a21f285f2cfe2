-- How far spending counted in Redis lies below and above the ledger, in USD; how many counters of
-- any figure differ; when all counters were looked at last.
SELECT
    coalesce(sum(expected - counted) FILTER (WHERE counted < expected AND figure = 'spent'), 0)
        / 1000000000.0 AS under_usd,
    coalesce(sum(counted - expected) FILTER (WHERE counted > expected AND figure = 'spent'), 0)
        / 1000000000.0 AS over_usd,
    count(*) AS counters,
    (SELECT through_at FROM task_cursors WHERE task = 'reconcile') AS looked_at
FROM counter_drifts
