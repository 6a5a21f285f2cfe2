UPDATE teams
SET name = %(name)s, description = %(description)s, limits = %(limits)s,
    budgets = %(budgets)s, calendar = %(calendar)s, access = %(access)s,
    unpriced_models = %(unpriced_models)s, client_gone = %(client_gone)s, routing = %(routing)s,
    redaction = %(redaction)s, content_policy = %(content_policy)s,
    response_cache = %(response_cache)s,
    price_multiplier = %(price_multiplier)s, self_service = %(self_service)s,
    version = nextval('projection_versions'), updated_at = now()
WHERE id = %(id)s AND version = %(version)s
