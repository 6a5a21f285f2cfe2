-- A request's record and what was posted to correct it, in the order of posting. Whatever corrects a
-- record bears its millisecond or a later one, so that only partitions from there on are looked at.
SELECT *
FROM ledger
WHERE id = %(id)s AND kind = 'usage'
UNION ALL
SELECT *
FROM ledger
WHERE adjusts = %(id)s AND id >= %(first_id)s
ORDER BY kind DESC, posted_at, id
LIMIT %(limit)s
