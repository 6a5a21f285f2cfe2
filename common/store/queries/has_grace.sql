SELECT 1 AS found FROM master_key_grace WHERE hash = %s AND accepted_until > now()
