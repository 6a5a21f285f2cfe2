SELECT name FROM ledger_partitions
