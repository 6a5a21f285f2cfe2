-- Waits for whoever is changing it. The subject is there for all levels alike.
UPDATE organisation SET version = nextval('projection_versions')
WHERE version < %(version)s AND %(subject)s::text IS NOT NULL
