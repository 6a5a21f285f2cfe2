-- A page of keys, with when each was last used and the prefix of its newest secret. Which keys is
-- decided first, so that what is told of each is looked up for those of the page alone.
SELECT keys.*, newest.prefix AS key_prefix, newest.old_secret_ends_at, used.occurred_at AS last_used_at
FROM (
    SELECT keys.*
    FROM api_keys AS keys
    WHERE (%(id)s::uuid IS NULL OR keys.id = %(id)s)
      AND (%(after)s::uuid IS NULL OR {further})
      AND (%(team_ids)s::uuid[] IS NULL OR keys.team_id = ANY (%(team_ids)s))
      AND (%(user_id)s::text IS NULL OR keys.user_id = %(user_id)s)
      AND (%(ids)s::uuid[] IS NULL OR keys.id = ANY (%(ids)s))
      AND (%(tag)s::text IS NULL OR %(tag)s = ANY (keys.tags))
      AND (%(search)s::text IS NULL
        OR strpos(lower(keys.name), lower(%(search)s)) > 0
        OR strpos(lower(keys.user_id), lower(%(search)s)) > 0
        OR keys.id = %(searched_id)s
        OR keys.id IN (
            SELECT key_id FROM api_key_secrets WHERE starts_with(%(search)s, prefix)
            UNION ALL
            SELECT key_id FROM api_key_secrets WHERE starts_with(prefix, %(search)s)
        ))
      -- As it is shown: an active key whose end has come is expired.
      AND (%(status)s::text IS NULL OR %(status)s = CASE
            WHEN keys.status = 'active' AND least(
                keys.expires_at, keys.activated_at + keys.activation_days * interval '24 hours'
            ) <= now() THEN 'expired'
            ELSE keys.status
          END)
    ORDER BY {order}
    LIMIT %(limit)s
) AS keys
LEFT JOIN LATERAL (
    SELECT prefix, max(expires_at) FILTER (WHERE expires_at > now()) OVER () AS old_secret_ends_at
    FROM api_key_secrets
    WHERE key_id = keys.id ORDER BY created_at DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT occurred_at FROM ledger WHERE key_id = keys.id ORDER BY id DESC LIMIT 1
) AS used ON true
ORDER BY {order}
