-- The ledger too, and first, as all who read or write it do: dropping a part changes the whole.
LOCK TABLE ONLY ledger, ONLY {name} IN ACCESS EXCLUSIVE MODE
