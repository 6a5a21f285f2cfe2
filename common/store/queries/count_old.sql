SELECT count(*) AS count FROM {table} WHERE {column} < %s
