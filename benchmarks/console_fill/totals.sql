-- What every scope has spent, of the sums of days.
INSERT INTO spend_totals (scope, period, settled, records)
SELECT scope, period, sum(cost_usd), sum(requests)
FROM (
    SELECT since, scope, sum(cost_usd) AS cost_usd, sum(requests) AS requests
    FROM usage_periods
    CROSS JOIN LATERAL (
        VALUES ('organisation'), ('key:' || key_id), ('user:' || user_id), ('team:' || team_id)
    ) AS scopes (scope)
    WHERE step = 'day' AND scope IS NOT NULL
    GROUP BY since, scope
) AS days
CROSS JOIN LATERAL (
    VALUES
        ('total'),
        ('day:' || to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
        ('week:' || to_char(since AT TIME ZONE 'UTC', 'IYYY-"W"IW')),
        ('month:' || to_char(since AT TIME ZONE 'UTC', 'YYYY-MM'))
) AS periods (period)
GROUP BY scope, period
