-- Sums of these ledger rows into the rollups, in a fixed order. An adjustment is no request.
INSERT INTO usage_rollups AS present
SELECT
    date_bin('15 minutes', occurred_at, '2000-01-01Z'), key_id, user_id, team_id, account_id,
    provider, coalesce(model_served, model_requested), endpoint, status,
    count(*) FILTER (WHERE kind = 'usage'),
    sum(input), sum(output), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h),
    sum(reasoning), sum(audio_input), sum(audio_output), sum(cost_usd),
    count(*) FILTER (WHERE kind = 'usage' AND price_version = 'unpriced'
        AND input + output + cache_read + cache_write_5m + cache_write_1h > 0)
        - count(*) FILTER (WHERE kind = 'adjustment' AND finish_cause = 'priced_later'),
    sum(round(cost_usd * price_multiplier, 12) - cost_usd)
FROM ledger
WHERE id = ANY (%s)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9
ON CONFLICT (since, key_id, user_id, team_id, account_id, provider, model, endpoint, status)
DO UPDATE SET
    requests = present.requests + excluded.requests,
    input = present.input + excluded.input,
    output = present.output + excluded.output,
    cache_read = present.cache_read + excluded.cache_read,
    cache_write_5m = present.cache_write_5m + excluded.cache_write_5m,
    cache_write_1h = present.cache_write_1h + excluded.cache_write_1h,
    reasoning = present.reasoning + excluded.reasoning,
    audio_input = present.audio_input + excluded.audio_input,
    audio_output = present.audio_output + excluded.audio_output,
    cost_usd = present.cost_usd + excluded.cost_usd,
    unpriced_requests = present.unpriced_requests + excluded.unpriced_requests,
    markup_usd = present.markup_usd + excluded.markup_usd
