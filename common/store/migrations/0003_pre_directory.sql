-- Accounts (official API credentials of providers), users and teams.

CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    provider text NOT NULL,
    base_url text NOT NULL,
    -- Sealed by AES-GCM: `<key id>:<base64>`, bound to the account's id. Empty once deleted.
    credential text NOT NULL,
    -- Requested model to served model; empty: any.
    models jsonb NOT NULL DEFAULT '{}',
    priority integer NOT NULL,
    weight integer NOT NULL,
    max_concurrency integer NOT NULL,
    enabled boolean NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Deleted accounts stay, since the ledger speaks of them.
    deleted_at timestamptz
);

CREATE UNIQUE INDEX accounts_by_name ON accounts (name) WHERE deleted_at IS NULL;
CREATE INDEX accounts_by_version ON accounts (version);

CREATE TABLE teams (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    description text NOT NULL DEFAULT '',
    version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- A user's id is the caller's own string; a key that names a new one makes it.
CREATE TABLE users (
    id text PRIMARY KEY,
    name text NOT NULL DEFAULT '',
    email text NOT NULL DEFAULT '',
    team_id uuid REFERENCES teams (id),
    version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX users_by_team ON users (team_id, id);

INSERT INTO users (id, version)
SELECT DISTINCT user_id, nextval('projection_versions') FROM api_keys
ON CONFLICT DO NOTHING;

ALTER TABLE api_keys ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE api_keys ADD FOREIGN KEY (team_id) REFERENCES teams (id);
CREATE INDEX api_keys_by_team ON api_keys (team_id, id) WHERE team_id IS NOT NULL;

-- `accounts` are projected as one list; its change names the account that changed.
ALTER TABLE changes DROP CONSTRAINT changes_kind_check;
ALTER TABLE changes ADD CHECK (kind IN ('key', 'accounts'));

-- Events that nobody took, kept to be looked at and sent again.
CREATE TABLE dead_letters (
    id uuid PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now(),
    event_id text NOT NULL,
    event_source text NOT NULL,
    event_type text NOT NULL,
    error_code text,
    error_destination text,
    attributes jsonb NOT NULL,
    body bytea NOT NULL,
    retried_at timestamptz,
    UNIQUE (event_source, event_id)
);
