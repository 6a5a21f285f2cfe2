-- Oldest first. Never the newest: it says from where on months are made, and never backwards.
SELECT name FROM ledger_partitions
WHERE until_id <= %s
  AND until_id <> (SELECT until_id FROM ledger_partitions ORDER BY until_id DESC LIMIT 1)
ORDER BY since_id
