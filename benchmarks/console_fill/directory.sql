-- Teams, users, keys with a secret each, as many as are asked for. Ids begin with a time before that
-- of every record. Keys of a user are of the user's team; every tenth is of none.
INSERT INTO teams (id, name, description, limits, budgets, version)
SELECT ('01930000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Team ' || n,
       'Filled for the benchmark',
       CASE WHEN n %% 4 = 0 THEN '{"requests_per_minute": 6000}'::jsonb ELSE '{}' END,
       '[{"period": "month", "usd": "100000", "policy": "deny"}]'::jsonb,
       nextval('projection_versions')
FROM generate_series(1, %(teams)s) AS n;
INSERT INTO users (id, name, email, team_id, version)
SELECT 'user-' || lpad(n::text, 5, '0'), 'User ' || n, 'user' || n || '@example.com',
       ('01930000-0000-7000-8000-' || lpad(to_hex(n %% %(teams)s + 1), 12, '0'))::uuid,
       nextval('projection_versions')
FROM generate_series(0, %(users)s - 1) AS n;
INSERT INTO api_keys (
    id, name, user_id, team_id, status, tags, limits, budgets, expires_at, revoked_at, version
)
SELECT ('01920000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
       (ARRAY['chat', 'batch', 'search', 'support', 'review', 'Notebook', 'agent'])[n %% 7 + 1]
           || '-' || md5(n::text)::varchar(6),
       'user-' || lpad((n %% %(users)s)::text, 5, '0'),
       CASE WHEN n %% 10 > 0 THEN ('01930000-0000-7000-8000-'
           || lpad(to_hex(n %% %(users)s %% %(teams)s + 1), 12, '0'))::uuid END,
       CASE n %% 20 WHEN 0 THEN 'revoked' WHEN 1 THEN 'disabled' ELSE 'active' END,
       CASE WHEN n %% 3 = 0 THEN ARRAY['production'] WHEN n %% 50 = 1 THEN ARRAY['rare', 'x']
           ELSE '{}' END,
       CASE WHEN n %% 5 = 0 THEN '{"requests_per_minute": 60}'::jsonb ELSE '{}' END,
       CASE WHEN n %% 7 = 0 THEN '[{"period": "month", "usd": "50", "policy": "deny"}]'::jsonb
           ELSE '[]' END,
       CASE WHEN n %% 11 = 0 THEN now() + (n %% 800 - 300) * interval '1 day' END,
       CASE WHEN n %% 20 = 0 THEN now() END,
       nextval('projection_versions')
FROM generate_series(0, %(keys)s - 1) AS n;
INSERT INTO api_key_secrets (hash, key_id, prefix)
SELECT encode(sha256(id::text::bytea), 'hex'), id, 'rk-' || md5(id::text)::varchar(8)
FROM api_keys;
INSERT INTO audit (
    id, occurred_at, actor, action, subject_kind, subject_id, address, detail
)
SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0')
           || substr(md5(n::text), 1, 20))::uuid,
       moment, 'password:admin' || n %% 20,
       CASE WHEN n %% 50 = 0 THEN 'team.update' ELSE
           (ARRAY['key.create', 'key.update', 'key.rotate', 'key.revoke'])[n %% 4 + 1] END,
       CASE WHEN n %% 50 = 0 THEN 'team' ELSE 'key' END,
       'subject-' || n %% %(keys)s, '192.0.2.' || n %% 250,
       jsonb_build_object('before', jsonb_build_object('name', 'a' || n, 'tags', '[]'::jsonb),
                          'after', jsonb_build_object('name', 'b' || n, 'tags', '["x"]'::jsonb))
FROM generate_series(0, %(audit)s - 1) AS n
CROSS JOIN LATERAL (
    SELECT now() - %(days)s * interval '1 day' * (1 - n / %(audit)s::float8) AS moment
) AS at;
INSERT INTO dead_letters (
    id, received_at, event_id, event_source, event_type, attributes, body, retried_at
)
SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n * 60000), 12, '0')
           || substr(md5(n::text), 1, 20))::uuid,
       now() - n * interval '1 minute', 'event-' || n, '/relay', 'relay.usage.recorded',
       jsonb_build_object('id', 'event-' || n, 'source', '/relay', 'specversion', '1.0',
                          'type', 'relay.usage.recorded'),
       convert_to(repeat('{"a": 1}', 20), 'UTF8'), CASE WHEN n %% 2 = 0 THEN now() END
FROM generate_series(1, %(letters)s) AS n;
INSERT INTO quarantine (fingerprint, reason, detail, record, received_at)
SELECT sha256(n::text::bytea), (ARRAY['no_partition', 'invalid'])[n %% 2 + 1], 'a detail',
       convert_to(repeat('{"a": 1}', 20), 'UTF8'), now() - n * interval '1 minute'
FROM generate_series(1, %(letters)s) AS n;
INSERT INTO sessions (id, subject, way, name, role, address, ends_at)
SELECT ('01940000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'password:admin' || n %% 50,
       'password', 'admin' || n %% 50, 'admin', '192.0.2.1', now() + interval '300 days'
FROM generate_series(1, 2000) AS n
