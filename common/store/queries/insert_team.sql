INSERT INTO teams (id, name, description, version)
VALUES (%(id)s, %(name)s, %(description)s, nextval('projection_versions'))
