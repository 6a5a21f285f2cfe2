-- Limits and budgets of every level: the organisation, teams, users and keys (which had columns
-- for two of them). `calendar`: time zone, first day of the week, first hour of the day.

-- One row: an installation is one organisation.
CREATE TABLE organisation (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    limits jsonb NOT NULL DEFAULT '{}',
    budgets jsonb NOT NULL DEFAULT '[]',
    calendar jsonb NOT NULL DEFAULT '{}',
    version bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO organisation (version) VALUES (nextval('projection_versions'));

ALTER TABLE teams
    ADD COLUMN limits jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN budgets jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN calendar jsonb NOT NULL DEFAULT '{}';

ALTER TABLE users
    ADD COLUMN limits jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN budgets jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN calendar jsonb NOT NULL DEFAULT '{}';

ALTER TABLE api_keys ADD COLUMN calendar jsonb NOT NULL DEFAULT '{}';
