-- Serialises those who migrate, to the connection's end; an arbitrary number. False: somebody does.
SELECT pg_try_advisory_lock(7205760)
