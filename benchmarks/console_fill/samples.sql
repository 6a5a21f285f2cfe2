-- One each of what an installation has a few of; and a key of the busiest, for its holder's own pages.
INSERT INTO account_groups (id, name, account_ids, version)
SELECT '01950000-0000-7000-8000-000000000001', 'Group', array_agg(id), 1
FROM (SELECT id FROM accounts ORDER BY id LIMIT 5) AS accounts
ON CONFLICT DO NOTHING;
INSERT INTO service_accounts (id, name, role, token_hash, token_prefix, created_by)
VALUES ('01950000-0000-7000-8000-000000000002', 'ci', 'viewer', 'none', 'none', 'benchmark')
ON CONFLICT DO NOTHING;
INSERT INTO api_key_secrets (hash, key_id, prefix)
SELECT %(hash)s, id, 'cr_benchma' FROM api_keys
WHERE id = (
    SELECT key_id FROM usage_periods JOIN api_keys ON api_keys.id = key_id AND api_keys.status = 'active'
    WHERE step = 'month' AND since = date_trunc('month', now(), 'UTC')
      AND (expires_at IS NULL OR expires_at > now())
    ORDER BY requests DESC LIMIT 1
)
ON CONFLICT DO NOTHING
