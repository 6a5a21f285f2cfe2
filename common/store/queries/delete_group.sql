DELETE FROM account_groups WHERE id = %s
