-- Records into the ledger; gives the ids that were not there yet.
-- The order is fixed so that two aggregations with the same records never wait in a circle.
INSERT INTO ledger (
    id, kind, adjusts, occurred_at, key_id, user_id, team_id, account_id, provider, dialect,
    endpoint, model_requested, model_served, status, finish_cause,
    input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, audio_input, audio_output,
    usage_source, cost_usd, price_version, latency_ms, first_token_ms, attempts, cache_hit,
    redactions, client, error_code, tags, service_tier, searches, unit_prices, discount,
    priced_as, price_multiplier, reported_usage, policy
)
SELECT
    id, kind, adjusts, occurred_at, key_id, user_id, team_id, account_id, provider, dialect,
    endpoint, model_requested, model_served, status, finish_cause,
    input, output, cache_read, cache_write_5m, cache_write_1h, reasoning, audio_input, audio_output,
    usage_source, cost_usd, price_version, latency_ms, first_token_ms, attempts, cache_hit,
    redactions, client, error_code, tags, service_tier, searches, unit_prices, discount,
    priced_as,
    -- A correction is charged on as what it corrects was.
    coalesce(
        CASE WHEN adjusts IS NOT NULL THEN
            (SELECT price_multiplier FROM ledger AS corrected WHERE corrected.id = given.adjusts)
        END,
        (SELECT price_multiplier FROM teams WHERE teams.id = given.team_id),
        1
    ),
    reported_usage, policy
FROM json_to_recordset(%s) AS given (
    id uuid, kind text, adjusts uuid, occurred_at timestamptz, key_id uuid, user_id text,
    team_id uuid, account_id uuid, provider text, dialect text, endpoint text,
    model_requested text, model_served text, status text, finish_cause text,
    input bigint, output bigint, cache_read bigint, cache_write_5m bigint, cache_write_1h bigint,
    reasoning bigint, audio_input bigint, audio_output bigint, usage_source text,
    cost_usd numeric, price_version text, latency_ms integer, first_token_ms integer,
    attempts integer, cache_hit boolean, redactions integer, client text, error_code text,
    tags text[], service_tier text, searches integer, unit_prices jsonb,
    discount text, priced_as text, reported_usage jsonb, policy jsonb
)
ORDER BY id
ON CONFLICT (id) DO NOTHING
RETURNING id
