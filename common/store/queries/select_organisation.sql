SELECT limits, budgets, calendar, access, unpriced_models, client_gone, routing, redaction,
       content_policy, response_cache, version, updated_at
FROM organisation
