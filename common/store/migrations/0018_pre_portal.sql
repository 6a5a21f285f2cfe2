-- People who help themselves: who somebody is at their identity provider, and what a team allows.

-- `<issuer> <sub>` of whoever signed in as this user first: nobody else becomes it by an address.
ALTER TABLE users ADD COLUMN subject text UNIQUE;
CREATE INDEX users_by_email ON users (lower(email)) WHERE email <> '';

-- `common.domain.self_service.SelfService`; null: nobody of the team makes keys.
ALTER TABLE teams ADD COLUMN self_service jsonb;
