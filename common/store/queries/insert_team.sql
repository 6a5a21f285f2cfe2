INSERT INTO teams (
    id, name, description, limits, budgets, calendar, access, unpriced_models, client_gone,
    routing, redaction, content_policy, response_cache, price_multiplier,
    self_service, version
)
VALUES (%(id)s, %(name)s, %(description)s, %(limits)s, %(budgets)s, %(calendar)s, %(access)s,
    %(unpriced_models)s, %(client_gone)s, %(routing)s, %(redaction)s, %(content_policy)s,
    %(response_cache)s, %(price_multiplier)s, %(self_service)s,
    nextval('projection_versions'))
