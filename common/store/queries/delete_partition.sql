DELETE FROM ledger_partitions WHERE name = %s
