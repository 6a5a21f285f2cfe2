SELECT logo_type, logo FROM branding WHERE logo_hash = %s
