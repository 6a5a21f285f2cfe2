UPDATE users SET version = nextval('projection_versions')
WHERE id = %(subject)s AND version < %(version)s
