UPDATE accounts
SET name = %(name)s, base_url = %(base_url)s, credential = %(credential)s, models = %(models)s,
    priority = %(priority)s, weight = %(weight)s, max_concurrency = %(max_concurrency)s,
    enabled = %(enabled)s, discount = %(discount)s, limits = %(limits)s, budgets = %(budgets)s,
    calendar = %(calendar)s, region = %(region)s, tags = %(tags)s, options = %(options)s,
    extra_headers = %(extra_headers)s, egress = %(egress)s, expires_at = %(expires_at)s,
    schedulable = %(schedulable)s, version = nextval('projection_versions'), updated_at = now()
WHERE id = %(id)s AND version = %(version)s AND deleted_at IS NULL
