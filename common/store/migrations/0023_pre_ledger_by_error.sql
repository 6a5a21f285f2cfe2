-- What failed for a reason: few rows of the ledger have one, and no other index knows it.
CREATE INDEX ledger_by_error ON ONLY ledger (error_code, id) WHERE error_code IS NOT NULL;
