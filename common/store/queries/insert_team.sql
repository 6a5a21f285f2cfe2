INSERT INTO teams (id, name, description, limits, budgets, calendar, access, version)
VALUES (%(id)s, %(name)s, %(description)s, %(limits)s, %(budgets)s, %(calendar)s, %(access)s,
    nextval('projection_versions'))
