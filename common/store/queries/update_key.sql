UPDATE api_keys
SET name = %(name)s, team_id = %(team_id)s, status = %(status)s, scopes = %(scopes)s,
    models_allow = %(models_allow)s, models_deny = %(models_deny)s, expires_at = %(expires_at)s,
    activation_days = %(activation_days)s,
    -- A first use is forgotten with the rule that it began.
    activated_at = CASE WHEN %(activation_days)s::integer IS NOT NULL THEN activated_at END,
    tags = %(tags)s, limits = %(limits)s, budgets = %(budgets)s, calendar = %(calendar)s,
    access = %(access)s, routing = %(routing)s, redaction = %(redaction)s,
    content_policy = %(content_policy)s, response_cache = %(response_cache)s,
    revoked_at = CASE WHEN %(status)s = 'revoked' THEN revoked_at END,
    version = nextval('projection_versions'), updated_at = now()
WHERE id = %(id)s AND version = %(version)s
