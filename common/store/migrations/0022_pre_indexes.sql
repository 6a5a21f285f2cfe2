-- online: each statement by itself, so that nobody who writes waits for an index of a large table.

DROP INDEX CONCURRENTLY IF EXISTS api_keys_by_name;
CREATE INDEX CONCURRENTLY api_keys_by_name ON api_keys (lower(name), id);
DROP INDEX CONCURRENTLY IF EXISTS api_keys_active_by_team;
CREATE INDEX CONCURRENTLY api_keys_active_by_team ON api_keys (team_id) WHERE status = 'active';
DROP INDEX CONCURRENTLY IF EXISTS usage_periods_by_key;
CREATE INDEX CONCURRENTLY usage_periods_by_key ON usage_periods (key_id, step, since);
DROP INDEX CONCURRENTLY IF EXISTS usage_periods_by_user;
CREATE INDEX CONCURRENTLY usage_periods_by_user ON usage_periods (user_id, step, since);
