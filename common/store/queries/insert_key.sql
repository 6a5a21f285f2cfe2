INSERT INTO api_keys (
    id, name, user_id, team_id, scopes, models_allow, models_deny, expires_at, activation_days,
    account_id, group_id, tags, limits, budgets, calendar, access, version
)
VALUES (
    %(id)s, %(name)s, %(user_id)s, %(team_id)s, %(scopes)s, %(models_allow)s, %(models_deny)s,
    %(expires_at)s, %(activation_days)s, %(account_id)s, %(group_id)s, %(tags)s, %(limits)s,
    %(budgets)s, %(calendar)s, %(access)s, nextval('projection_versions')
)
