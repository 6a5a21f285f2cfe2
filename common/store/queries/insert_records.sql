-- Records into the ledger, and the sums of those that were not there yet into the rollups; gives
-- their ids. An adjustment is no request.
-- The orders are fixed so that two aggregations with the same records never wait in a circle.
WITH posted AS (
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
    RETURNING
        id, kind, occurred_at, key_id, user_id, team_id, account_id, provider, endpoint,
        model_requested, model_served, status, finish_cause, input, output, cache_read, cache_write_5m,
        cache_write_1h, reasoning, audio_input, audio_output, cost_usd, price_version, price_multiplier
), summed AS (
    INSERT INTO usage_rollups AS present
    SELECT
        date_bin('15 minutes', occurred_at, '2000-01-01Z'), key_id, user_id, team_id, account_id,
        provider, coalesce(model_served, model_requested), endpoint, status,
        count(*) FILTER (WHERE kind = 'usage'),
        sum(input), sum(output), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h),
        sum(reasoning), sum(audio_input), sum(audio_output), sum(cost_usd),
        count(*) FILTER (WHERE kind = 'usage' AND price_version = 'unpriced'
            AND input + output + cache_read + cache_write_5m + cache_write_1h > 0)
            - count(*) FILTER (WHERE kind = 'adjustment' AND finish_cause = 'priced_later'),
        sum(round(cost_usd * price_multiplier, 12) - cost_usd)
    FROM posted
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    ON CONFLICT (since, key_id, user_id, team_id, account_id, provider, model, endpoint, status)
    DO UPDATE SET
        requests = present.requests + excluded.requests,
        input = present.input + excluded.input,
        output = present.output + excluded.output,
        cache_read = present.cache_read + excluded.cache_read,
        cache_write_5m = present.cache_write_5m + excluded.cache_write_5m,
        cache_write_1h = present.cache_write_1h + excluded.cache_write_1h,
        reasoning = present.reasoning + excluded.reasoning,
        audio_input = present.audio_input + excluded.audio_input,
        audio_output = present.audio_output + excluded.audio_output,
        cost_usd = present.cost_usd + excluded.cost_usd,
        unpriced_requests = present.unpriced_requests + excluded.unpriced_requests,
        markup_usd = present.markup_usd + excluded.markup_usd
)
SELECT id FROM posted
