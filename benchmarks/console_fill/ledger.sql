-- One month's rows of the ledger: `rows` of them evenly from `since_ms` on. Of k keys the n-th most
-- used one has a share of 1 / (n ln k) (Zipf's law), so that a tenth of them makes four fifths of all requests.
-- Two accounts serve a key, mostly with one model of four that the account's provider has.
INSERT INTO {name} (
    id, kind, occurred_at, key_id, user_id, team_id, account_id, provider, dialect, endpoint,
    model_requested, model_served, status, finish_cause, input, output, cache_read, cache_write_5m,
    cache_write_1h, reasoning, audio_input, audio_output, usage_source, cost_usd, price_version,
    latency_ms, first_token_ms, attempts, cache_hit, redactions, client, tags, unit_prices,
    priced_as
)
SELECT
    (lpad(to_hex(ms), 12, '0') || substr(md5(n::text), 1, 20))::uuid,
    'usage', to_timestamp(ms / 1000.0),
    ('01920000-0000-7000-8000-' || lpad(to_hex(key), 12, '0'))::uuid,
    'user-' || lpad((key %% %(users)s)::text, 5, '0'),
    CASE WHEN key %% 10 > 0 THEN ('01930000-0000-7000-8000-'
        || lpad(to_hex(key %% %(users)s %% %(teams)s + 1), 12, '0'))::uuid END,
    (%(accounts)s::uuid[])[account + 1], provider, provider,
    CASE provider WHEN 'anthropic' THEN 'messages' ELSE 'chat.completions' END,
    provider || '-' || model, provider || '-' || model || '-2026',
    CASE WHEN luck < 0.03 THEN 'error' WHEN luck < 0.05 THEN 'cancelled' ELSE 'ok' END, 'complete',
    (luck * 9000)::bigint, (luck * 900)::bigint, (luck * 500)::bigint, 0, 0, 0, 0, 0, 'reported',
    (1000 + luck * 100000)::bigint * 0.000000001, '2026-11-25', (200 + luck * 900)::integer,
    (100 + luck * 400)::integer, 1, luck > 0.97, 0, 'OpenAI/Python 1.99.0', '{{}}',
    '{{"input": 250000, "output": 2000000, "cache_read": 25000}}', provider || '-' || model
FROM (
    SELECT n, ms, key, luck, account,
           (ARRAY['openai', 'anthropic', 'gemini', 'openai_compatible', 'azure_openai'])[account %% 5 + 1] AS provider,
           CASE WHEN luck > 0.9 THEN (key + 1) %% 4 ELSE key %% 4 END AS model
    FROM (
        SELECT n, (%(since_ms)s + (n - %(first)s) * %(step_ms)s)::bigint AS ms,
               (floor(exp(ln(%(keys)s + 1.0::float8) * chance) - 1)::bigint * 7919) %% %(keys)s AS key,
               luck, n %% 3 = 0 AS other
        FROM generate_series(%(first)s::bigint, %(first)s::bigint + %(rows)s - 1) AS n
        CROSS JOIN LATERAL (
            SELECT (hashint8extended(n, 1) & 1073741823) / 1073741824.0::float8 AS chance,
                   (hashint8extended(n, 2) & 1073741823) / 1073741824.0::float8 AS luck
        ) AS drawn
    ) AS keys
    CROSS JOIN LATERAL (
        SELECT (key + other::int) %% cardinality(%(accounts)s::uuid[]) AS account
    ) AS served
) AS rows
