-- Whether a new user's id is somebody's: a user's id or address, or that of keys and usage of before.
SELECT
    EXISTS (SELECT FROM users WHERE lower(id) = lower(%(id)s))
        OR EXISTS (SELECT FROM users WHERE email <> '' AND lower(email) = lower(%(id)s)) AS of_user,
    EXISTS (SELECT FROM api_keys WHERE user_id = %(id)s)
        OR EXISTS (SELECT FROM usage_periods WHERE user_id = %(id)s)
        OR EXISTS (SELECT FROM ledger WHERE user_id = %(id)s) AS of_past
