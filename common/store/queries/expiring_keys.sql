-- Keys that end within so many days, soonest first, and whose end nobody was told so long before.
SELECT keys.id, keys.name, keys.user_id, keys.team_id, ending.at AS expires_at,
       coalesce(newest.prefix, '') AS key_prefix
FROM api_keys AS keys
CROSS JOIN LATERAL (
    SELECT least(
        keys.expires_at, keys.activated_at + keys.activation_days * interval '24 hours'
    ) AS at
) AS ending
LEFT JOIN LATERAL (
    SELECT prefix FROM api_key_secrets
    WHERE key_id = keys.id ORDER BY created_at DESC LIMIT 1
) AS newest ON true
WHERE keys.status = 'active'
  -- What the index finds, before the end is looked at.
  AND (keys.expires_at BETWEEN %(now)s AND %(now)s + %(days)s * interval '1 day'
       OR keys.activation_days IS NOT NULL)
  AND ending.at > %(now)s
  AND ending.at <= %(now)s + %(days)s * interval '1 day'
  AND NOT EXISTS (
    SELECT FROM expiries_told AS told
    WHERE told.key_id = keys.id AND told.days <= %(days)s AND told.expires_at = ending.at
  )
ORDER BY ending.at, keys.id
LIMIT %(limit)s
