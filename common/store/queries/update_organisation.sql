UPDATE organisation
SET limits = %(limits)s, budgets = %(budgets)s, calendar = %(calendar)s, access = %(access)s,
    version = nextval('projection_versions'), updated_at = now()
WHERE version = %(version)s
