-- One month of a large ledger: `rows` of them evenly from `since` on, `step_us` apart. Keys are used
-- unevenly, each mostly with one model, as the benchmark's own records are.
INSERT INTO {name} (
    id, kind, occurred_at, key_id, user_id, team_id, account_id, provider, dialect, endpoint,
    model_requested, model_served, status, finish_cause, input, output, cache_read, cache_write_5m,
    cache_write_1h, reasoning, audio_input, audio_output, usage_source, cost_usd, price_version,
    latency_ms, first_token_ms, attempts, cache_hit, redactions, client, tags
)
SELECT
    (lpad(to_hex((%(since_ms)s + n * %(step_us)s / 1000)::bigint), 12, '0')
        || substr(md5(n::text), 1, 20))::uuid,
    'usage', to_timestamp((%(since_ms)s + n * %(step_us)s / 1000)::bigint / 1000.0),
    ('01920000-0000-7000-8000-' || lpad(key::text, 12, '0'))::uuid, 'user-' || key %% 200,
    CASE WHEN key %% 3 > 0
        THEN ('01930000-0000-7000-8000-' || lpad((key %% 20)::text, 12, '0'))::uuid END,
    ('01940000-0000-7000-8000-' || lpad((key %% 3)::text, 12, '0'))::uuid,
    'openai', 'openai', 'chat.completions', 'model-' || model, 'model-' || model || '-2026',
    CASE WHEN n %% 33 = 0 THEN 'error' ELSE 'ok' END, 'complete',
    n %% 9000, n %% 900, 0, 0, 0, 0, 0, 0, 'reported', (n %% 1000) * 0.000001, '2026-11-25',
    640, 210, 1, false, 0, 'OpenAI/Python 1.99.0', '{{}}'
FROM (
    SELECT n, key, CASE WHEN n %% 10 = 0 THEN (key + 1) %% 6 ELSE key %% 6 END AS model
    FROM generate_series(0::bigint, %(rows)s - 1) AS n
    CROSS JOIN LATERAL (
        SELECT floor(400 * power((n * 7919 %% 100003) / 100003.0::float8, 2))::bigint AS key
    ) AS chosen
) AS rows
