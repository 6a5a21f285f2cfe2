SELECT limits, budgets, calendar, access, version, updated_at FROM organisation
