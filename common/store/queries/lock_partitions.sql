-- Serialises those who make partitions; an arbitrary number, unused elsewhere.
SELECT pg_advisory_xact_lock(7205759)
