-- Held to the transaction's end.
SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))
