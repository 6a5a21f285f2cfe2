INSERT INTO ledger_partitions (name, since_id, until_id) VALUES (%s, %s, %s)
