-- Remember a counter that differs from the ledger.
INSERT INTO counter_drifts AS present (counter, figure, scope, period, counted, expected)
VALUES (%(counter)s, %(figure)s, %(scope)s, %(period)s, %(counted)s, %(expected)s)
ON CONFLICT (counter, figure) DO UPDATE SET
    counted = excluded.counted, expected = excluded.expected, seen_at = now()
