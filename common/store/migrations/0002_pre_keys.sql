-- Keys, their projection into Redis, and what administrators did.

-- Versions of all projected records: one sequence, so that a newer write always has a larger one.
CREATE SEQUENCE projection_versions;

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    user_id text NOT NULL,
    team_id uuid,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled', 'revoked')),
    scopes text[] NOT NULL DEFAULT '{}',
    models_allow text[] NOT NULL DEFAULT '{}',
    models_deny text[] NOT NULL DEFAULT '{}',
    expires_at timestamptz,
    account_id uuid,
    group_id uuid,
    tags text[] NOT NULL DEFAULT '{}',
    limits jsonb NOT NULL DEFAULT '{}',
    budgets jsonb NOT NULL DEFAULT '[]',
    version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

CREATE INDEX api_keys_by_user ON api_keys (user_id, id);

-- A key has one secret, and for a while two after a rotation. Only hashes are kept.
CREATE TABLE api_key_secrets (
    hash text PRIMARY KEY CHECK (length(hash) = 64),
    key_id uuid NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    prefix text NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX api_key_secrets_by_key ON api_key_secrets (key_id, created_at);

-- What Redis may not have seen yet: written with the change, deleted once it is projected.
CREATE TABLE changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('key')),
    subject uuid NOT NULL,
    version bigint NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit (
    id uuid PRIMARY KEY,
    occurred_at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    address text NOT NULL,
    detail jsonb NOT NULL
);

CREATE INDEX audit_by_subject ON audit (subject_kind, subject_id, id);

-- Answers to calls with an Idempotency-Key. The body is encrypted and wiped after its time; the
-- row stays, so that a repeated call is told what it made.
CREATE TABLE idempotent_replies (
    token text PRIMARY KEY,
    request_digest bytea NOT NULL,
    subject_id text NOT NULL,
    status integer NOT NULL,
    body bytea,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX idempotent_replies_by_age ON idempotent_replies (created_at);
