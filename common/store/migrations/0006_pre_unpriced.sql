-- How many requests of a rollup used tokens at no price: their cost stands at 0 in the sums.
ALTER TABLE usage_rollups ADD COLUMN unpriced_requests bigint NOT NULL DEFAULT 0;

UPDATE usage_rollups AS present
SET unpriced_requests = counted.requests
FROM (
    SELECT date_bin('15 minutes', occurred_at, '2000-01-01Z') AS since, key_id, user_id, team_id,
           account_id, provider, coalesce(model_served, model_requested) AS model, endpoint, status,
           count(*) AS requests
    FROM ledger
    WHERE kind = 'usage' AND price_version = 'unpriced'
      AND input + output + cache_read + cache_write_5m + cache_write_1h > 0
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
) AS counted
WHERE present.since = counted.since AND present.key_id = counted.key_id
  AND present.user_id = counted.user_id AND present.team_id IS NOT DISTINCT FROM counted.team_id
  AND present.account_id = counted.account_id AND present.provider = counted.provider
  AND present.model = counted.model AND present.endpoint = counted.endpoint
  AND present.status = counted.status;
