INSERT INTO teams (
    id, name, description, limits, budgets, calendar, access, unpriced_models, client_gone,
    routing, price_multiplier, version
)
VALUES (%(id)s, %(name)s, %(description)s, %(limits)s, %(budgets)s, %(calendar)s, %(access)s,
    %(unpriced_models)s, %(client_gone)s, %(routing)s, %(price_multiplier)s,
    nextval('projection_versions'))
