SELECT limits, budgets, calendar, unpriced_models, client_gone, version, updated_at
FROM organisation
