-- What accounts of more providers need: what only some have (`options`), where they serve and how
-- they are known (`region`, `tags`: for routing), headers of their own, the way out without its
-- password (`egress`), an end, and whether they serve what is not bound to them.

ALTER TABLE accounts
    ADD COLUMN region text NOT NULL DEFAULT '',
    ADD COLUMN tags jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN options jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN extra_headers jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN egress text NOT NULL DEFAULT '',
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN schedulable boolean NOT NULL DEFAULT true;
