-- How many records each total is made of: a counter in Redis rounds every record up to a nano-USD,
-- so it may be above the exact total by at most so many.
ALTER TABLE spend_totals ADD COLUMN records bigint NOT NULL DEFAULT 0;

UPDATE spend_totals AS present
SET records = counted.records
FROM (
    SELECT scope, period, sum(requests) AS records
    FROM usage_rollups
    CROSS JOIN LATERAL (
        VALUES ('organisation'), ('key:' || key_id), ('user:' || user_id), ('team:' || team_id)
    ) AS scopes (scope)
    CROSS JOIN LATERAL (
        VALUES
            ('total'),
            ('day:' || to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
            ('week:' || to_char(since AT TIME ZONE 'UTC', 'IYYY-"W"IW')),
            ('month:' || to_char(since AT TIME ZONE 'UTC', 'YYYY-MM'))
    ) AS periods (period)
    WHERE scope IS NOT NULL
    GROUP BY scope, period
) AS counted
WHERE present.scope = counted.scope AND present.period = counted.period;

-- Counters that differ from the ledger and were not repaired: what `relayctl doctor` and the
-- exporter show. Money in nano-USD.
CREATE TABLE counter_drifts (
    counter text NOT NULL,
    figure text NOT NULL CHECK (figure IN ('spent', 'reserved', 'requests', 'tokens')),
    scope text NOT NULL,
    period text NOT NULL,
    counted bigint NOT NULL,
    expected bigint NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (counter, figure)
);

CREATE INDEX counter_drifts_by_scope ON counter_drifts (scope);

-- Where a task that goes over all scopes stopped ('' = it is through), and when it was through last.
CREATE TABLE task_cursors (
    task text PRIMARY KEY,
    after text NOT NULL,
    through_at timestamptz
);
