-- Sums without keys and users; what the cut does not keep is not asked for.
SELECT since, NULL::uuid AS key_id, NULL::text AS user_id, team_id, account_id, provider, model,
       endpoint, status, requests, input, output, cache_read, cache_write_5m, cache_write_1h,
       reasoning, audio_input, audio_output, cost_usd, unpriced_requests, markup_usd,
       parts
FROM usage_cuts
WHERE cut = '{cut}' AND step = '{step}' AND parts > 0
