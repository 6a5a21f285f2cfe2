-- What scopes have spent in periods (UTC), in nano-USD, rounded up.
SELECT scope, period, ceil(settled * 1000000000)::bigint AS nano
FROM spend_totals
WHERE scope = ANY (%s) AND period = ANY (%s)
