SELECT fingerprint, reason, detail, outbox_id, record, received_at
FROM quarantine
WHERE (%(fingerprint)s::bytea IS NULL OR fingerprint = %(fingerprint)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(before)s::bytea IS NULL OR (received_at, fingerprint) < (
      SELECT received_at, fingerprint FROM quarantine WHERE fingerprint = %(before)s
  ))
ORDER BY received_at DESC, fingerprint DESC
LIMIT %(limit)s
