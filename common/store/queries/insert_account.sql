INSERT INTO accounts (
    id, name, provider, base_url, credential, models, priority, weight, max_concurrency, enabled,
    limits, budgets, calendar, discount, version
)
VALUES (
    %(id)s, %(name)s, %(provider)s, %(base_url)s, %(credential)s, %(models)s, %(priority)s,
    %(weight)s, %(max_concurrency)s, %(enabled)s,
    %(limits)s, %(budgets)s, %(calendar)s, %(discount)s,
    nextval('projection_versions')
)
