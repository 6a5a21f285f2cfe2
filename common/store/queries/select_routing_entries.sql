-- A page of what is declared of a kind, by name.
SELECT * FROM routing_entries
WHERE kind = %(kind)s
  AND (%(name)s::text IS NULL OR name = %(name)s)
  AND name COLLATE "C" > %(after)s
ORDER BY name COLLATE "C"
LIMIT %(limit)s
