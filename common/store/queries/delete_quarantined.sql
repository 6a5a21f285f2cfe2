DELETE FROM quarantine WHERE fingerprint = %s
