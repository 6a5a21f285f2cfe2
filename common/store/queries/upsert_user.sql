INSERT INTO users (id, version) VALUES (%s, nextval('projection_versions')) ON CONFLICT DO NOTHING
