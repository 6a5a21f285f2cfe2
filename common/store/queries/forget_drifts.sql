-- These scopes' counters were looked at: what is remembered of them and not among those left.
DELETE FROM counter_drifts
WHERE scope = ANY (%(scopes)s) AND NOT (counter || ' ' || figure) = ANY (%(left)s)
