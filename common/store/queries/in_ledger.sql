-- Which of these ids the ledger has.
SELECT id FROM ledger WHERE id = ANY (%s)
