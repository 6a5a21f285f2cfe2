-- Teams by their names or ids.
SELECT id, name FROM teams WHERE name = ANY(%(names)s) OR id = ANY(%(ids)s)
