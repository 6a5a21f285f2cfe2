SELECT since, key_id, user_id, team_id, account_id, provider, model, endpoint, status, requests,
       input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, audio_input,
       audio_output, cost_usd, unpriced_requests, markup_usd,
       parts
FROM usage_periods
WHERE step = '{step}' AND parts > 0
