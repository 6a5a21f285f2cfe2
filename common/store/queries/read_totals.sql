-- What scopes have spent in periods (UTC), in exact pico-USD, and in how many records.
SELECT scope, period, (settled * 1000000000000)::numeric(38, 0) AS pico, records
FROM spend_totals
WHERE scope = ANY (%s) AND period = ANY (%s)
