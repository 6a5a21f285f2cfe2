-- The ledger: one row a usage record or adjustment, for ever as it was written.
--
-- Partitioned by the id's own time (a ULID stored as uuid), so that the id alone is the primary
-- key and retention is dropping a partition. There is no default partition: what fits none goes to
-- quarantine, where a person sees it.

CREATE TABLE ledger (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('usage', 'adjustment')),
    adjusts uuid,
    occurred_at timestamptz NOT NULL,
    key_id uuid NOT NULL,
    user_id text NOT NULL,
    team_id uuid,
    account_id uuid NOT NULL,
    provider text NOT NULL,
    dialect text NOT NULL,
    endpoint text NOT NULL,
    model_requested text NOT NULL,
    model_served text,
    status text NOT NULL CHECK (status IN ('ok', 'error', 'cancelled', 'interrupted')),
    finish_cause text NOT NULL,
    input bigint NOT NULL,
    output bigint NOT NULL,
    cache_read bigint NOT NULL,
    cache_write_5m bigint NOT NULL,
    cache_write_1h bigint NOT NULL,
    reasoning bigint NOT NULL,
    audio_input bigint NOT NULL,
    audio_output bigint NOT NULL,
    usage_source text NOT NULL CHECK (usage_source IN ('reported', 'estimated')),
    cost_usd numeric(20, 12) NOT NULL,
    price_version text NOT NULL,
    latency_ms integer,
    first_token_ms integer,
    attempts integer NOT NULL,
    cache_hit boolean NOT NULL,
    redactions integer NOT NULL,
    client text,
    error_code text,
    tags text[] NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'adjustment') = (adjusts IS NOT NULL))
) PARTITION BY RANGE (id);

CREATE INDEX ledger_by_key ON ledger (key_id, id);
CREATE INDEX ledger_by_user ON ledger (user_id, id);
CREATE INDEX ledger_by_team ON ledger (team_id, id) WHERE team_id IS NOT NULL;
CREATE INDEX ledger_by_adjusted ON ledger (adjusts) WHERE adjusts IS NOT NULL;

-- Which partitions there are: the same bounds as in the catalogue, without parsing its text.
CREATE TABLE ledger_partitions (
    name text PRIMARY KEY,
    since_id uuid NOT NULL UNIQUE,
    until_id uuid NOT NULL UNIQUE,
    CHECK (since_id < until_id)
);

-- What the ledger could not take. `record` holds the bytes as they came; the fingerprint (SHA-256
-- of them) makes a repeated delivery one row.
CREATE TABLE quarantine (
    fingerprint bytea PRIMARY KEY,
    reason text NOT NULL,
    detail text NOT NULL,
    outbox_id text,
    record bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);

-- Sums of the ledger in steps of a quarter of an hour, the coarsest that every time zone's
-- midnight falls on. Kept when the ledger's partitions are dropped.
CREATE TABLE usage_rollups (
    since timestamptz NOT NULL,
    key_id uuid NOT NULL,
    user_id text NOT NULL,
    team_id uuid,
    account_id uuid NOT NULL,
    provider text NOT NULL,
    model text NOT NULL,
    endpoint text NOT NULL,
    status text NOT NULL,
    requests bigint NOT NULL,
    input bigint NOT NULL,
    output bigint NOT NULL,
    cache_read bigint NOT NULL,
    cache_write_5m bigint NOT NULL,
    cache_write_1h bigint NOT NULL,
    reasoning bigint NOT NULL,
    audio_input bigint NOT NULL,
    audio_output bigint NOT NULL,
    cost_usd numeric(24, 12) NOT NULL,
    UNIQUE NULLS NOT DISTINCT
        (since, key_id, user_id, team_id, account_id, provider, model, endpoint, status)
);

-- What each scope has spent in each period, whatever rows retention has dropped since.
-- scope: organisation | team:<uuid> | user:<id> | key:<uuid>; period: total | day:… | week:… | month:…
CREATE TABLE spend_totals (
    scope text NOT NULL,
    period text NOT NULL,
    settled numeric(24, 12) NOT NULL,
    PRIMARY KEY (scope, period)
);
