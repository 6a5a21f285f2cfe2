-- online: each statement by itself, so that nobody who writes waits for an index of a large table.

-- Keys by name, and by tag.
DROP INDEX CONCURRENTLY IF EXISTS api_keys_by_name;
CREATE INDEX CONCURRENTLY api_keys_by_name ON api_keys (lower(name), id);
