-- Where people are told what happens, what they were told, and which ends of keys.

CREATE TABLE notification_channels (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    kind text NOT NULL,
    -- What is no secret; the rest is sealed by AES-GCM: `<key id>:<base64>`, bound to the id.
    settings jsonb NOT NULL,
    sealed_secrets text NOT NULL,
    -- What it is for; empty: everything, of all teams.
    events text[] NOT NULL DEFAULT '{}',
    team_ids uuid[] NOT NULL DEFAULT '{}',
    severity text NOT NULL,
    enabled boolean NOT NULL,
    version bigint NOT NULL DEFAULT nextval('projection_versions'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- One message to one channel: written before it is sent, once however often its event comes.
CREATE TABLE notification_deliveries (
    id uuid PRIMARY KEY,
    channel_id uuid NOT NULL REFERENCES notification_channels (id) ON DELETE CASCADE,
    event_id text NOT NULL,
    notice jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given_up')),
    attempts integer NOT NULL DEFAULT 0,
    -- Until then it is somebody's who tries, or nobody's.
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (channel_id, event_id)
);

CREATE INDEX notification_deliveries_due ON notification_deliveries (next_attempt_at)
WHERE state = 'waiting';
CREATE INDEX notification_deliveries_by_age ON notification_deliveries (created_at);

-- Of which end of a key, and how many days before it, an event was taken.
CREATE TABLE expiries_told (
    key_id uuid NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    days integer NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (key_id, days)
);

CREATE INDEX api_keys_by_end ON api_keys (expires_at)
WHERE expires_at IS NOT NULL AND status = 'active';
CREATE INDEX api_keys_by_activation ON api_keys (id)
WHERE activation_days IS NOT NULL AND status = 'active';
