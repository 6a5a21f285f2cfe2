SELECT limits, budgets, calendar, access, unpriced_models, client_gone, version, updated_at
FROM organisation
