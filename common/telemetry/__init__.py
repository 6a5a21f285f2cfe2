"""Logs and metrics: cheap where requests pass, rendered elsewhere."""
