-- Counters that differ from the ledger, the largest differences first.
SELECT counter, figure, scope, period, counted, expected, first_seen_at, seen_at
FROM counter_drifts
ORDER BY abs(counted - expected) DESC, counter, figure
LIMIT %s
