-- Days of UTC as of their noon, whose date is that of most of the day in most zones.
SELECT since + interval '12 hours' AS since, key_id, user_id, team_id, account_id, provider, model,
       endpoint, status, requests, input, output, cache_read, cache_write_5m, cache_write_1h,
       reasoning, audio_input, audio_output, cost_usd, unpriced_requests, markup_usd, parts
FROM ({days}) AS days
