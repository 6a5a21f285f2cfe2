-- A page of a key's requests, newest first, each with the sum of what was posted to correct it,
-- which bears the record's millisecond (the first 48 bits of both ids) or a later one.
SELECT record.*, record.cost_usd + corrected.cost_usd AS balance_usd
FROM (
    SELECT *
    FROM ledger
    WHERE key_id = %(key_id)s AND kind = 'usage'
      AND (%(since)s::uuid IS NULL OR id >= %(since)s)
      AND (%(until)s::uuid IS NULL OR id < %(until)s)
      AND (%(before)s::uuid IS NULL OR id < %(before)s)
    ORDER BY id DESC
    LIMIT %(limit)s
) AS record
CROSS JOIN LATERAL (
    SELECT coalesce(sum(cost_usd), 0) AS cost_usd
    FROM ledger
    WHERE adjusts = record.id
      AND id >= (left(record.id::text, 13) || '-0000-0000-000000000000')::uuid
) AS corrected
ORDER BY record.id DESC
