-- Secrets with their keys, as the projection needs them: one by hash, those of a key, or a page.
SELECT secrets.hash, secrets.expires_at AS secret_expires_at, keys.*
FROM api_key_secrets AS secrets
JOIN api_keys AS keys ON keys.id = secrets.key_id
WHERE (%(hash)s::text IS NULL OR secrets.hash = %(hash)s)
  AND (%(key_id)s::uuid IS NULL OR keys.id = %(key_id)s)
  AND secrets.hash > %(after)s
ORDER BY secrets.hash
LIMIT %(limit)s
