"""The administrator's commands: callers of the admin API over HTTP, and nothing else."""
