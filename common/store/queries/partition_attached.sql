SELECT EXISTS (
    SELECT FROM pg_inherits
    WHERE inhparent = 'ledger'::regclass AND inhrelid = to_regclass(%s)
) AS attached
