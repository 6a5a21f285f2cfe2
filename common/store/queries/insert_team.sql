INSERT INTO teams (id, name, description, limits, budgets, calendar, version)
VALUES (%(id)s, %(name)s, %(description)s, %(limits)s, %(budgets)s, %(calendar)s,
    nextval('projection_versions'))
