-- Models that were used without a price in the last days, most first.
SELECT model, sum(unpriced_requests)::bigint AS requests
FROM usage_rollups
WHERE since > now() - make_interval(days => %(days)s) AND unpriced_requests > 0
GROUP BY model
ORDER BY requests DESC, model
LIMIT %(limit)s
