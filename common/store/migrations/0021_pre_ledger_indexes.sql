-- The ledger by what a page of it is filtered by. Only declared here: who migrates makes them for one
-- partition after the other, without locking out who writes; partitions made later have them.
CREATE INDEX ledger_by_account ON ONLY ledger (account_id, id);
CREATE INDEX ledger_by_model ON ONLY ledger ((coalesce(model_served, model_requested)), id);
CREATE INDEX ledger_by_provider ON ONLY ledger (provider, id);
CREATE INDEX ledger_by_endpoint ON ONLY ledger (endpoint, id);
CREATE INDEX ledger_by_failure ON ONLY ledger (status, id) WHERE status <> 'ok';
