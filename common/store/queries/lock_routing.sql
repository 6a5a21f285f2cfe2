-- One change of the table at a time. It gets its next version at once.
UPDATE routing SET version = nextval('projection_versions')
