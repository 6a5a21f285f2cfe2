INSERT INTO users (id, name, email, team_id, limits, budgets, calendar, access, version)
VALUES (%(id)s, %(name)s, %(email)s, %(team_id)s, %(limits)s, %(budgets)s, %(calendar)s, %(access)s,
    nextval('projection_versions'))
