-- By which name and logo the console is known. One row: an installation is one organisation.

CREATE TABLE branding (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- Empty: Relay's own.
    name text NOT NULL DEFAULT '',
    logo bytea,
    -- Its media type and the SHA-256 of its bytes in hex, by which browsers keep it.
    logo_type text CHECK ((logo_type IS NULL) = (logo IS NULL)),
    logo_hash text CHECK ((logo_hash IS NULL) = (logo IS NULL)),
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO branding DEFAULT VALUES;
