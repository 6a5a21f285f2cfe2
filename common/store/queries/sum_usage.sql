-- First by the columns themselves, then by what is written of them: a time's text costs as much as
-- all the sums, and few moments are left by then.
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
FROM (
    SELECT {columns}
           sum(requests) AS requests,
           sum(input) AS input,
           sum(output) AS output,
           sum(cache_read) AS cache_read,
           sum(cache_write_5m) AS cache_write_5m,
           sum(cache_write_1h) AS cache_write_1h,
           sum(reasoning) AS reasoning,
           sum(audio_input) AS audio_input,
           sum(audio_output) AS audio_output,
           sum(cost_usd) AS cost_usd,
           sum(unpriced_requests) AS unpriced_requests,
           sum(markup_usd) AS markup_usd,
           sum(parts) AS parts
    FROM ({source}) AS used
    WHERE (%(key_id)s::uuid IS NULL OR key_id = %(key_id)s)
      AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
      AND (%(team_id)s::uuid IS NULL OR team_id = %(team_id)s)
      AND (%(team_ids)s::uuid[] IS NULL OR team_id = ANY(%(team_ids)s))
      AND (%(account_id)s::uuid IS NULL OR account_id = %(account_id)s)
      AND (%(provider)s::text IS NULL OR provider = %(provider)s)
      AND (%(endpoint)s::text IS NULL OR endpoint = %(endpoint)s)
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(model)s::text IS NULL OR model = %(model)s)
      AND (%(among)s::text[] IS NULL OR {member} = ANY (%(among)s::{kind}[]))
    {summed}
) AS summed
{grouped}
LIMIT %(limit)s
