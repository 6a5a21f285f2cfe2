-- What a scope used between two moments: requests, tokens, nano-USD rounded up, exact pico-USD. Both
-- moments fall on quarters of an hour, as all time zones' midnights do.
SELECT
    coalesce(sum(requests), 0)::bigint AS requests,
    coalesce(sum(input + output + cache_read + cache_write_5m + cache_write_1h), 0)::bigint
        AS tokens,
    ceil(coalesce(sum(cost_usd), 0) * 1000000000)::bigint AS nano,
    (coalesce(sum(cost_usd), 0) * 1000000000000)::numeric(38, 0) AS pico
FROM usage_rollups
WHERE since >= %(since)s AND since < %(until)s
  AND (%(key_id)s::uuid IS NULL OR key_id = %(key_id)s)
  AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
  AND (%(team_id)s::uuid IS NULL OR team_id = %(team_id)s)
  AND (%(account_id)s::uuid IS NULL OR account_id = %(account_id)s)
