-- A replica takes no writes.
SELECT pg_is_in_recovery() AS replica
