DELETE FROM teams WHERE id = %s
