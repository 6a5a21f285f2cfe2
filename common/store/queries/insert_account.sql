INSERT INTO accounts (
    id, name, provider, base_url, credential, models, priority, weight, max_concurrency, enabled,
    limits, budgets, calendar, discount, region, tags, options, extra_headers, egress, expires_at,
    schedulable, version
)
VALUES (
    %(id)s, %(name)s, %(provider)s, %(base_url)s, %(credential)s, %(models)s, %(priority)s,
    %(weight)s, %(max_concurrency)s, %(enabled)s,
    %(limits)s, %(budgets)s, %(calendar)s, %(discount)s, %(region)s, %(tags)s, %(options)s,
    %(extra_headers)s, %(egress)s, %(expires_at)s, %(schedulable)s,
    nextval('projection_versions')
)
