UPDATE account_groups
SET name = %(name)s, account_ids = %(account_ids)s, version = nextval('projection_versions'),
    updated_at = now()
WHERE id = %(id)s AND version = %(version)s
