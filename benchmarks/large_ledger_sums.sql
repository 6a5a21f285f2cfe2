-- The sums that aggregation would have made of the rows of large_ledger.sql.
INSERT INTO usage_rollups (
    since, key_id, user_id, team_id, account_id, provider, model, endpoint, status, requests,
    input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, audio_input,
    audio_output, cost_usd, unpriced_requests
)
SELECT date_bin('15 minutes', occurred_at, '2000-01-01Z'), key_id, user_id, team_id, account_id,
       provider, model_served, endpoint, status, count(*), sum(input), sum(output), 0, 0, 0, 0, 0, 0,
       sum(cost_usd), 0
FROM ledger
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9;
INSERT INTO spend_totals
SELECT scope, period, sum(cost_usd)
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
GROUP BY scope, period;
ANALYZE
