-- A newer version of the same key, so that what is projected wins over whatever Redis has.
UPDATE api_keys SET version = nextval('projection_versions') WHERE id = %s
