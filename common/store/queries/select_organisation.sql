SELECT limits, budgets, calendar, version, updated_at FROM organisation
