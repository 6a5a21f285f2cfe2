-- Whether no request was ever served so, which the sums of months say for as long as they go back as
-- far as the ledger does. An id begins with its time: 48 bits of milliseconds.
SELECT NOT EXISTS (
    SELECT FROM usage_cuts
    WHERE cut = 'served' AND step = 'month' AND parts > 0
      AND (%(account_id)s::uuid IS NULL OR account_id = %(account_id)s)
      AND (%(provider)s::text IS NULL OR provider = %(provider)s)
      AND (%(endpoint)s::text IS NULL OR endpoint = %(endpoint)s)
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(model)s::text IS NULL OR model = %(model)s)
) AND coalesce((
    SELECT min(since) FROM usage_cuts WHERE cut = 'all' AND step = 'month'
) <= (
    SELECT to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000.0)
    FROM ledger
    ORDER BY id
    LIMIT 1
), false) AS nothing
