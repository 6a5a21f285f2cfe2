-- Sums of these ledger rows into what each scope has spent in each period (UTC), in a fixed order.
INSERT INTO spend_totals AS present (scope, period, settled, records)
SELECT scope, period, sum(cost_usd), count(*)
FROM ledger
CROSS JOIN LATERAL (
    VALUES ('organisation'), ('key:' || key_id), ('user:' || user_id), ('team:' || team_id)
) AS scopes (scope)
CROSS JOIN LATERAL (
    VALUES
        ('total'),
        ('day:' || to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
        ('week:' || to_char(occurred_at AT TIME ZONE 'UTC', 'IYYY-"W"IW')),
        ('month:' || to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM'))
) AS periods (period)
WHERE id = ANY (%s) AND scope IS NOT NULL AND cost_usd <> 0
GROUP BY scope, period
ORDER BY scope, period
ON CONFLICT (scope, period) DO UPDATE SET
    settled = present.settled + excluded.settled,
    records = present.records + excluded.records
