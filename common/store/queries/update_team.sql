UPDATE teams
SET name = %(name)s, description = %(description)s, limits = %(limits)s,
    budgets = %(budgets)s, calendar = %(calendar)s, access = %(access)s, version = nextval('projection_versions'),
    updated_at = now()
WHERE id = %(id)s AND version = %(version)s
