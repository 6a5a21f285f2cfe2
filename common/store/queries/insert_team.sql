INSERT INTO teams (id, name, description, limits, budgets, calendar, client_gone, version)
VALUES (%(id)s, %(name)s, %(description)s, %(limits)s, %(budgets)s, %(calendar)s,
    %(client_gone)s, nextval('projection_versions'))
