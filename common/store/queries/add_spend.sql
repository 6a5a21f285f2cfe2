-- Sums of these ledger rows into what each scope has spent in each period (UTC), in a fixed order.
-- By day and scope first: periods are made of these few sums instead of every row.
WITH spent AS (
    SELECT
        occurred_at_day AS day,
        CASE
            WHEN grouping(key_id) = 0 THEN 'key:' || key_id
            WHEN grouping(user_id) = 0 THEN 'user:' || user_id
            WHEN grouping(team_id) = 0 THEN 'team:' || team_id
            ELSE 'organisation'
        END AS scope,
        sum(cost_usd) AS cost_usd,
        count(*) AS records
    FROM (
        SELECT (occurred_at AT TIME ZONE 'UTC')::date AS occurred_at_day, key_id, user_id, team_id,
               cost_usd
        FROM ledger
        WHERE id = ANY (%s) AND cost_usd <> 0
    ) AS posted
    GROUP BY GROUPING SETS (
        (occurred_at_day, key_id), (occurred_at_day, user_id), (occurred_at_day, team_id),
        (occurred_at_day)
    )
), periods AS (
    SELECT day, period
    FROM (SELECT DISTINCT day FROM spent) AS days
    CROSS JOIN LATERAL (
        VALUES
            ('total'),
            ('day:' || to_char(day, 'YYYY-MM-DD')),
            ('week:' || to_char(day, 'IYYY-"W"IW')),
            ('month:' || to_char(day, 'YYYY-MM'))
    ) AS named (period)
)
INSERT INTO spend_totals AS present (scope, period, settled, records)
SELECT scope, period, sum(spent.cost_usd), sum(spent.records)
FROM spent
JOIN periods USING (day)
WHERE scope IS NOT NULL
GROUP BY scope, period
ORDER BY scope, period
ON CONFLICT (scope, period) DO UPDATE SET
    settled = present.settled + excluded.settled,
    records = present.records + excluded.records
