UPDATE branding
SET name = %(name)s,
    logo = CASE WHEN %(keep_logo)s THEN logo ELSE %(logo)s END,
    logo_type = CASE WHEN %(keep_logo)s THEN logo_type ELSE %(logo_type)s END,
    logo_hash = CASE WHEN %(keep_logo)s THEN logo_hash ELSE %(logo_hash)s END,
    version = version + 1, updated_at = now()
WHERE version = %(version)s
