-- Teams by their names or ids, as an identity provider's roles name them.
SELECT id FROM teams WHERE name = ANY(%(names)s) OR id = ANY(%(ids)s)
