-- None when another transaction is changing it.
SELECT version FROM routing FOR UPDATE SKIP LOCKED
