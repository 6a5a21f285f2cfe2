-- Access rules of every level; keys that end some days after their first request; limits of
-- accounts.

ALTER TABLE organisation ADD COLUMN access jsonb NOT NULL DEFAULT '{}';
ALTER TABLE teams ADD COLUMN access jsonb NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN access jsonb NOT NULL DEFAULT '{}';

-- `activated_at` is the first admitted request of a key with `activation_days`: Redis has it first.
ALTER TABLE api_keys
    ADD COLUMN access jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN activation_days integer CHECK (activation_days > 0),
    ADD COLUMN activated_at timestamptz;

ALTER TABLE accounts
    ADD COLUMN limits jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN budgets jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN calendar jsonb NOT NULL DEFAULT '{}';
