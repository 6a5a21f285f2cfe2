SELECT {groups}
       coalesce(sum(requests), 0) AS requests,
       coalesce(sum(input), 0) AS input,
       coalesce(sum(output), 0) AS output,
       coalesce(sum(cache_read), 0) AS cache_read,
       coalesce(sum(cache_write_5m), 0) AS cache_write_5m,
       coalesce(sum(cache_write_1h), 0) AS cache_write_1h,
       coalesce(sum(reasoning), 0) AS reasoning,
       coalesce(sum(audio_input), 0) AS audio_input,
       coalesce(sum(audio_output), 0) AS audio_output,
       coalesce(sum(cost_usd), 0)::numeric(24, 12) AS cost_usd,
       coalesce(sum(unpriced_requests), 0) AS unpriced_requests,
       coalesce(sum(cost_usd + markup_usd), 0)::numeric(24, 12) AS rated_usd
FROM {source} AS used
WHERE (%(since)s::timestamptz IS NULL OR since >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR since < %(until)s)
  AND (%(key_id)s::uuid IS NULL OR key_id = %(key_id)s)
  AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
  AND (%(team_id)s::uuid IS NULL OR team_id = %(team_id)s)
  AND (%(account_id)s::uuid IS NULL OR account_id = %(account_id)s)
  AND (%(provider)s::text IS NULL OR provider = %(provider)s)
  AND (%(endpoint)s::text IS NULL OR endpoint = %(endpoint)s)
  AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(model)s::text IS NULL OR model = %(model)s)
{grouped}
LIMIT %(limit)s
