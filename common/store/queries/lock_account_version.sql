-- None when another transaction is changing it. Deleted ones have a version too.
SELECT version FROM accounts WHERE id = %s FOR UPDATE SKIP LOCKED
