-- Serialises those who migrate, to the connection's end; an arbitrary number.
SELECT pg_advisory_lock(7205760)
