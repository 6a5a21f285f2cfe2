SELECT limits, budgets, calendar, unpriced_models, version, updated_at FROM organisation
