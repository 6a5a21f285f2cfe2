-- It is there until the transaction ends.
SELECT FROM account_groups WHERE id = %s FOR KEY SHARE
