UPDATE teams
SET name = %(name)s, description = %(description)s, version = nextval('projection_versions'),
    updated_at = now()
WHERE id = %(id)s AND version = %(version)s
