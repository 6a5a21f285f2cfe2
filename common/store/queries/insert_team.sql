INSERT INTO teams (id, name, description, limits, budgets, calendar, unpriced_models, price_multiplier,
    version)
VALUES (%(id)s, %(name)s, %(description)s, %(limits)s, %(budgets)s, %(calendar)s,
    %(unpriced_models)s, %(price_multiplier)s,    nextval('projection_versions'))
