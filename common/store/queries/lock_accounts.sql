-- One change of an account at a time: each projects the list of all. An arbitrary number.
SELECT pg_advisory_xact_lock(7205760)
