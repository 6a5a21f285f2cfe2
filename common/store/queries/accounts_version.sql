-- Deleted ones count: their going is a change too.
SELECT coalesce(max(version), 0) AS version FROM accounts
