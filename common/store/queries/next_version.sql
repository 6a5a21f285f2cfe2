-- A version newer than all there are.
SELECT nextval('projection_versions') AS version
