INSERT INTO users (id, name, email, team_id, version)
VALUES (%(id)s, %(name)s, %(email)s, %(team_id)s, nextval('projection_versions'))
