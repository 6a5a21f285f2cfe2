SELECT (SELECT since_id FROM ledger_partitions ORDER BY since_id LIMIT 1) AS since_id,
       (SELECT until_id FROM ledger_partitions ORDER BY until_id DESC LIMIT 1) AS until_id
