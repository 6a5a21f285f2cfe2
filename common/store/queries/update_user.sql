UPDATE users
SET name = %(name)s, email = %(email)s, team_id = %(team_id)s, subject = %(subject)s,
    limits = %(limits)s, budgets = %(budgets)s, calendar = %(calendar)s, access = %(access)s,
    version = nextval('projection_versions'), updated_at = now()
WHERE id = %(id)s AND version = %(version)s
