SELECT limits, budgets, calendar, access, unpriced_models, client_gone, routing, version,
       updated_at
FROM organisation
