-- A request's record and what was posted to correct it, oldest first. Whatever corrects a record
-- is younger, so that only partitions from the record's on are looked at.
SELECT *
FROM ledger
WHERE id = %(id)s AND kind = 'usage'
UNION ALL
SELECT *
FROM ledger
WHERE adjusts = %(id)s AND id > %(id)s
ORDER BY id
LIMIT %(limit)s
