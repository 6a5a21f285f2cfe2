"""Redis: the commands, admission's scripts, leases, the outbox, the projection."""
