-- Usage records in the order of their ids, with the sums of what was posted to each since.
SELECT usage.*, later.*
FROM ledger AS usage
CROSS JOIN LATERAL (
    SELECT count(*) AS adjustments, coalesce(sum(cost_usd), 0) AS later_cost,
           coalesce(bool_or(finish_cause = 'priced_later'), false) AS priced_later,
           coalesce(sum(input), 0) AS later_input, coalesce(sum(output), 0) AS later_output,
           coalesce(sum(cache_read), 0) AS later_cache_read,
           coalesce(sum(cache_write_5m), 0) AS later_cache_write_5m,
           coalesce(sum(cache_write_1h), 0) AS later_cache_write_1h,
           coalesce(sum(reasoning), 0) AS later_reasoning,
           coalesce(sum(audio_input), 0) AS later_audio_input,
           coalesce(sum(audio_output), 0) AS later_audio_output,
           coalesce(sum(searches), 0) AS later_searches,
           (array_agg(service_tier ORDER BY id DESC))[1] AS later_tier
    FROM ledger WHERE adjusts = usage.id
) AS later
WHERE usage.kind = 'usage' AND usage.id >= %(since)s AND usage.id < %(until)s
  AND (%(after)s::uuid IS NULL OR usage.id > %(after)s)
  AND (%(model)s::text IS NULL OR usage.priced_as = %(model)s
       OR usage.priced_as IS NULL AND %(model)s IN (usage.model_served, usage.model_requested))
ORDER BY usage.id
LIMIT %(limit)s
