SELECT * FROM (
    SELECT occurred_at AS since, key_id, user_id, team_id, account_id, provider,
           coalesce(model_served, model_requested) AS model, endpoint, status,
           (kind = 'usage')::int AS requests,
           input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, audio_input,
           audio_output, cost_usd,
           (kind = 'usage' AND price_version = 'unpriced'
            AND input + output + cache_read + cache_write_5m + cache_write_1h > 0)::int
               - (kind = 'adjustment' AND finish_cause = 'priced_later')::int AS unpriced_requests,
           round(cost_usd * price_multiplier, 12) - cost_usd AS markup_usd,
           1::bigint AS parts
    FROM ledger
    WHERE true{ids}
) AS records
WHERE true
