-- online: an account's days in another zone than UTC are made of its quarters of an hour.

DROP INDEX CONCURRENTLY IF EXISTS usage_rollups_by_account;
CREATE INDEX CONCURRENTLY usage_rollups_by_account ON usage_rollups (account_id, since);
