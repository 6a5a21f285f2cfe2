SELECT count(*) AS count FROM (SELECT FROM {table} WHERE {column} < %s LIMIT %s) AS old
