-- Keys of a user that still work: active ones whose end has not come.
SELECT count(*)
FROM api_keys
WHERE user_id = %s AND status = 'active' AND coalesce(
    least(expires_at, activated_at + activation_days * interval '24 hours') > now(), true
)
