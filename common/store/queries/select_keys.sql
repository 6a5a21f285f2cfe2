-- A page of keys, newest first, with when each was last used and the prefix of its newest secret.
SELECT keys.*, newest.prefix AS key_prefix, used.occurred_at AS last_used_at
FROM api_keys AS keys
LEFT JOIN LATERAL (
    SELECT prefix FROM api_key_secrets
    WHERE key_id = keys.id ORDER BY created_at DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT occurred_at FROM ledger WHERE key_id = keys.id ORDER BY id DESC LIMIT 1
) AS used ON true
WHERE (%(id)s::uuid IS NULL OR keys.id = %(id)s)
  AND (%(before)s::uuid IS NULL OR keys.id < %(before)s)
  AND (%(team_ids)s::uuid[] IS NULL OR keys.team_id = ANY(%(team_ids)s))
  AND (%(user_id)s::text IS NULL OR keys.user_id = %(user_id)s)
  -- As it is shown: an active key whose end has come is expired.
  AND (%(status)s::text IS NULL OR %(status)s = CASE
        WHEN keys.status = 'active' AND least(
            keys.expires_at, keys.activated_at + keys.activation_days * interval '24 hours'
        ) <= now() THEN 'expired'
        ELSE keys.status
      END)
ORDER BY keys.id DESC
LIMIT %(limit)s
