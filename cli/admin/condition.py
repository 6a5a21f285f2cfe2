"""`relayctl condition`: how the stores are, and what in them waits for somebody."""

import click

from cli.admin.options import AdminCommand, Session
from cli.admin.output import Shape

_POSTGRES = (
    *("version", "migrations", "migrations_missing", "migrations_unknown", "quarantined"),
    *("dead_letters", "changes", "oldest_change"),
)
_REDIS = (
    *("version", "used_bytes", "limit_bytes", "clock_ahead_ms", "open_requests", "outbox"),
    "outbox_oldest",
)
SHAPE = Shape(
    "condition",
    (),
    (
        *(f"postgres.{name}" for name in _POSTGRES),
        *(f"redis.{name}" for name in _REDIS),
    ),
)


@click.command(cls=AdminCommand)
@click.pass_obj
def condition(session: Session) -> None:
    """Show how Postgres and Redis are; of one that is away nothing is shown."""
    session.show(SHAPE, session.client.get("/internal/condition"))
