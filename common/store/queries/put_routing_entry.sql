INSERT INTO routing_entries (kind, name, entry, version)
VALUES (%(kind)s, %(name)s, %(entry)s, nextval('projection_versions'))
ON CONFLICT (kind, name) DO UPDATE
SET entry = EXCLUDED.entry, version = EXCLUDED.version, updated_at = now()
