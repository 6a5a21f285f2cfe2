-- The sums that aggregation would have made of one month's partition; triggers keep the others.
INSERT INTO usage_rollups (
    since, key_id, user_id, team_id, account_id, provider, model, endpoint, status, requests,
    input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, audio_input,
    audio_output, cost_usd, unpriced_requests
)
SELECT date_bin('15 minutes', occurred_at, '2000-01-01Z'), key_id, user_id, team_id, account_id,
       provider, model_served, endpoint, status, count(*), sum(input), sum(output), sum(cache_read),
       0, 0, 0, 0, 0, sum(cost_usd), 0
FROM {name}
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
ORDER BY 1
