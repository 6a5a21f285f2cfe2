-- Quarters of an hour that are another date than the noon of their day of UTC: once as they are, and
-- once taken away from that noon.
SELECT CASE sign WHEN 1 THEN since ELSE date_trunc('day', since, 'UTC') + interval '12 hours' END
           AS since,
       key_id, user_id, team_id, account_id, provider, model, endpoint, status,
       sign * requests AS requests, sign * input AS input, sign * output AS output,
       sign * cache_read AS cache_read, sign * cache_write_5m AS cache_write_5m,
       sign * cache_write_1h AS cache_write_1h, sign * reasoning AS reasoning,
       sign * audio_input AS audio_input, sign * audio_output AS audio_output,
       sign * cost_usd AS cost_usd, sign * unpriced_requests AS unpriced_requests,
       sign * markup_usd AS markup_usd, sign * parts AS parts
FROM ({quarters}) AS given
CROSS JOIN (VALUES (1), (-1)) AS signs (sign)
