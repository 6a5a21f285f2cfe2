UPDATE service_accounts SET revoked_at = now(), updated_at = now()
WHERE id = %s AND revoked_at IS NULL
