-- How the newest requests went, at most so many: percentiles of those that were served, in ms, and
-- how many came from the cache.
SELECT count(*) AS requests,
       count(*) FILTER (WHERE status <> 'ok') AS failures,
       count(*) FILTER (WHERE cache_hit) AS cache_hits,
       coalesce(sum(input + output + cache_read + cache_write_5m + cache_write_1h), 0)::bigint
           AS tokens,
       min(occurred_at) AS oldest,
       percentile_disc(%(quantiles)s::float8[]) WITHIN GROUP (ORDER BY latency_ms)
           FILTER (WHERE status = 'ok') AS latency_ms,
       percentile_disc(%(quantiles)s::float8[]) WITHIN GROUP (ORDER BY first_token_ms)
           FILTER (WHERE status = 'ok') AS first_token_ms
FROM (
    SELECT requests.*
    FROM {teams} (
        SELECT id, status, cache_hit, occurred_at, latency_ms, first_token_ms,
               input, output, cache_read, cache_write_5m, cache_write_1h
        FROM ledger
        WHERE kind = 'usage'
          AND (%(since)s::uuid IS NULL OR id >= %(since)s)
          AND (%(until)s::uuid IS NULL OR id < %(until)s)
          AND (%(key_id)s::uuid IS NULL OR key_id = %(key_id)s)
          AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
          AND (%(team_id)s::uuid IS NULL OR team_id = %(team_id)s)
          {team}
          AND (%(account_id)s::uuid IS NULL OR account_id = %(account_id)s)
          AND (%(provider)s::text IS NULL OR provider = %(provider)s)
          AND (%(endpoint)s::text IS NULL OR endpoint = %(endpoint)s)
          AND (%(status)s::text IS NULL OR status = %(status)s)
          AND (%(model)s::text IS NULL OR coalesce(model_served, model_requested) = %(model)s)
        ORDER BY {order}
        LIMIT %(limit)s
    ) AS requests
    ORDER BY id DESC
    LIMIT %(limit)s
) AS newest
