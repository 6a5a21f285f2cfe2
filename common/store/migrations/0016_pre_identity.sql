-- Who is signed in to the admin API and its pages, and the accounts of programs.

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    -- Who it is, whatever they are called: `oidc:<provider>:<sub>`, `password:<name>`.
    subject text NOT NULL,
    way text NOT NULL CHECK (way IN ('master-key', 'password', 'oidc', 'api-key')),
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin', 'team_admin', 'portal')),
    team_ids uuid[] NOT NULL DEFAULT '{}',
    user_id text,
    key_id uuid,
    -- What stands for the password or key that it was opened with: another one, and it is over.
    credential text NOT NULL DEFAULT '',
    -- How many refresh tokens it has had; only the last one counts.
    generation integer NOT NULL DEFAULT 1,
    address text NOT NULL,
    client text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL,
    ended_at timestamptz,
    -- Why before its time: signed-out, revoked, reused (an old refresh token came again).
    ended_by text
);

CREATE INDEX sessions_by_subject ON sessions (subject, id);
CREATE INDEX sessions_by_end ON sessions (ends_at);

CREATE TABLE service_accounts (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin', 'team_admin')),
    team_ids uuid[] NOT NULL DEFAULT '{}',
    -- Tags of operations that it may call, in lower case; empty: all that its role may.
    areas text[] NOT NULL DEFAULT '{}',
    token_hash text NOT NULL UNIQUE,
    token_prefix text NOT NULL,
    -- The token before the last rotation, while its grace lasts.
    old_token_hash text UNIQUE,
    old_token_ends_at timestamptz,
    expires_at timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    last_used_at timestamptz
);

CREATE UNIQUE INDEX service_accounts_by_name ON service_accounts (name) WHERE revoked_at IS NULL;

-- By what the actor was known: the session or the service account; empty: the key itself.
ALTER TABLE audit ADD COLUMN via text NOT NULL DEFAULT '';
