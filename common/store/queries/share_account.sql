-- It is there until the transaction ends: deleting it changes its row, which waits for this lock.
SELECT FROM accounts WHERE id = %s AND deleted_at IS NULL FOR SHARE
