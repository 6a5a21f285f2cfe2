UPDATE users SET subject = %(subject)s,
    name = CASE WHEN name = '' THEN %(name)s ELSE name END,
    email = CASE WHEN email = '' THEN %(email)s ELSE email END,
    version = nextval('projection_versions'), updated_at = now()
WHERE id = %(id)s AND subject IS NULL
