UPDATE teams SET version = nextval('projection_versions')
WHERE id = %(subject)s::uuid AND version < %(version)s
