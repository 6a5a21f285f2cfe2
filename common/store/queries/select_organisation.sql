SELECT limits, budgets, calendar, client_gone, version, updated_at FROM organisation
