-- Versions go on from there, never back.
SELECT setval('projection_versions', greatest(nextval('projection_versions'), %s))
