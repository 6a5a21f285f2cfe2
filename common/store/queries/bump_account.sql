-- A newer version of the same account, so that what is projected wins over whatever Redis has.
UPDATE accounts SET version = nextval('projection_versions') WHERE id = %s
