-- None when another transaction is changing it.
SELECT version FROM api_keys WHERE id = %s FOR UPDATE SKIP LOCKED
