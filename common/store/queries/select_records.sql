-- A page of the ledger, newest first.
SELECT id, kind, adjusts, occurred_at, key_id, user_id, team_id, account_id, provider, dialect,
       endpoint, model_requested, model_served, status, finish_cause,
       input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, audio_input,
       audio_output, usage_source, cost_usd, price_version, latency_ms, first_token_ms, attempts,
       cache_hit, redactions, client, error_code, tags, service_tier, searches, unit_prices,
       discount, priced_as, price_multiplier, round(cost_usd * price_multiplier, 12) AS rated_usd
FROM {teams} (
    SELECT *
    FROM ledger
    WHERE (%(since)s::uuid IS NULL OR id >= %(since)s)
      AND (%(until)s::uuid IS NULL OR id < %(until)s)
      AND (%(before)s::uuid IS NULL OR id < %(before)s)
      AND (%(key_id)s::uuid IS NULL OR key_id = %(key_id)s)
      AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
      AND (%(team_id)s::uuid IS NULL OR team_id = %(team_id)s)
      AND (%(account_id)s::uuid IS NULL OR account_id = %(account_id)s)
      AND (%(provider)s::text IS NULL OR provider = %(provider)s)
      AND (%(endpoint)s::text IS NULL OR endpoint = %(endpoint)s)
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(model)s::text IS NULL OR coalesce(model_served, model_requested) = %(model)s)
      AND (%(model_requested)s::text IS NULL OR model_requested = %(model_requested)s)
      AND (%(error_code)s::text IS NULL OR error_code = %(error_code)s)
      {team}
    ORDER BY {order}
    LIMIT %(limit)s
) AS ledger
ORDER BY id DESC
LIMIT %(limit)s
