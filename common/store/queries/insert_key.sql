INSERT INTO api_keys (
    id, name, user_id, team_id, scopes, models_allow, models_deny, expires_at, activation_days,
    tags, limits, budgets, calendar, access, routing, redaction, content_policy,
    response_cache, version
)
VALUES (
    %(id)s, %(name)s, %(user_id)s, %(team_id)s, %(scopes)s, %(models_allow)s, %(models_deny)s,
    %(expires_at)s, %(activation_days)s, %(tags)s, %(limits)s, %(budgets)s, %(calendar)s,
    %(access)s, %(routing)s, %(redaction)s, %(content_policy)s, %(response_cache)s,
    nextval('projection_versions')
)
