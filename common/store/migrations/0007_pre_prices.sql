-- What a record was priced by: the service tier that the provider reported, the price of every
-- class in pico-USD (NULL in rows that were written before), and searches that are billed each.
ALTER TABLE ledger
    ADD COLUMN service_tier text,
    ADD COLUMN unit_prices jsonb,
    ADD COLUMN searches integer NOT NULL DEFAULT 0,
    -- The account's discount, which unit_prices have taken off already.
    ADD COLUMN discount text NOT NULL DEFAULT '',
    -- The name whose price it is.
    ADD COLUMN priced_as text,
    -- What the team was charged for each USD of cost when the row was posted.
    ADD COLUMN price_multiplier numeric(10, 6) NOT NULL DEFAULT 1;

-- What multipliers add to the cost, or take from it: rated cost = cost_usd + markup_usd.
ALTER TABLE usage_rollups ADD COLUMN markup_usd numeric(24, 12) NOT NULL DEFAULT 0;

ALTER TABLE teams
    ADD COLUMN price_multiplier numeric(10, 6) NOT NULL DEFAULT 1 CHECK (price_multiplier > 0),
    ADD COLUMN unpriced_models text CHECK (unpriced_models IN ('deny', 'quarantine'));

ALTER TABLE organisation
    ADD COLUMN unpriced_models text CHECK (unpriced_models IN ('deny', 'quarantine'));

-- Negotiated with the provider: a part off all prices (0.15 is 15 %).
ALTER TABLE accounts ADD COLUMN discount text NOT NULL DEFAULT '';

-- The operator's own prices, each whole as it was imported. The one that is in force at a moment
-- is the latest by `effective_from`, then by `version`; older ones stay, since records name them.
CREATE TABLE price_books (
    id uuid PRIMARY KEY,
    version bigint NOT NULL,
    name text NOT NULL UNIQUE,
    digest text NOT NULL,
    effective_from timestamptz NOT NULL,
    book jsonb NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    imported_by text NOT NULL
);

CREATE INDEX price_books_by_time ON price_books (effective_from, version);

ALTER TABLE changes DROP CONSTRAINT changes_kind_check;
ALTER TABLE changes ADD CHECK (kind IN ('key', 'accounts', 'prices'));
