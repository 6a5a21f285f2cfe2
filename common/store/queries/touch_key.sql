UPDATE api_keys SET version = nextval('projection_versions'), updated_at = now() WHERE id = %s
