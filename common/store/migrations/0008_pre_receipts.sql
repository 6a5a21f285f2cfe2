-- What a receipt says besides: the usage object as the provider reported it (figures and short
-- names, bounded), and the limits and choices that applied. NULL in older rows.
ALTER TABLE ledger
    ADD COLUMN reported_usage jsonb,
    ADD COLUMN policy jsonb;

-- What becomes of a stream whose caller leaves: {"policy", "drain_seconds"}. NULL leaves it to the
-- organisation, and there to `cancel`.
ALTER TABLE teams ADD COLUMN client_gone jsonb;
ALTER TABLE organisation ADD COLUMN client_gone jsonb;
