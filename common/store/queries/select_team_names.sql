-- What teams are called, in the order of their names.
SELECT id, name FROM teams
WHERE (%(ids)s::uuid[] IS NULL OR id = ANY(%(ids)s))
ORDER BY lower(name), id
LIMIT %(limit)s
