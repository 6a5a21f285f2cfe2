-- Which accounts serve whom: rules of organisation, teams and keys; groups of accounts.

ALTER TABLE organisation ADD COLUMN routing jsonb NOT NULL DEFAULT '{}';
ALTER TABLE teams ADD COLUMN routing jsonb NOT NULL DEFAULT '{}';
-- `account_id` and `group_id` were never written: the rules of all levels have one form.
ALTER TABLE api_keys ADD COLUMN routing jsonb NOT NULL DEFAULT '{}';

-- The accounts are not referenced: those of the environment are no rows.
CREATE TABLE account_groups (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    account_ids uuid[] NOT NULL DEFAULT '{}',
    version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The version of what is declared once for all keys (groups, aliases, models), which is projected
-- as one table; 0: nothing ever was. Whoever changes any of it locks this row.
CREATE TABLE routing (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version bigint NOT NULL
);

INSERT INTO routing (version) VALUES (0);

ALTER TABLE changes DROP CONSTRAINT changes_kind_check;
ALTER TABLE changes ADD CHECK (kind IN ('key', 'accounts', 'prices', 'routing'));

-- What is declared by name: aliases (rules), and models (what is known of them).
CREATE TABLE routing_entries (
    kind text NOT NULL CHECK (kind IN ('alias', 'model')),
    name text NOT NULL,
    entry jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name)
);
