SELECT name, logo_type, logo_hash, version, updated_at FROM branding
