-- When keys were first used, as Redis says; the earliest stays.
UPDATE api_keys AS keys
SET activated_at = least(keys.activated_at, used.first_at)
FROM unnest(%s::uuid[], %s::timestamptz[]) AS used (key_id, first_at)
WHERE keys.id = used.key_id AND keys.activation_days IS NOT NULL
