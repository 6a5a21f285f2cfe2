UPDATE accounts
SET deleted_at = now(), credential = '', enabled = false,
    version = nextval('projection_versions')
WHERE id = %s AND deleted_at IS NULL
