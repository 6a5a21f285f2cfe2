"""`relayctl audit`: who did what, when and from where."""

import click

from cli.admin.options import AdminGroup, Session, how_many, paged
from cli.admin.output import Column, Shape

PATH = "/internal/audit"
SHAPE = Shape(
    "audit rows",
    (
        Column("OCCURRED", "occurred_at"),
        Column("ACTOR", "actor"),
        Column("ACTION", "action"),
        Column("SUBJECT", "subject_id"),
        Column("ADDRESS", "address"),
        Column("REQUEST ID", "id"),
    ),
    (
        *("id", "occurred_at", "actor", "via", "action", "subject_kind", "subject_id", "address"),
        *("detail.before", "detail.after"),
    ),
)


@click.group(cls=AdminGroup)
def audit() -> None:
    """Look at what administrators did."""


@audit.command("list")
@click.option("--actor")
@click.option("--action", help="Such as key.create.")
@click.option("--subject-kind", help="Such as key.")
@click.option("--subject-id", metavar="ID")
@click.option("--since", metavar="TIME", help="A date in UTC, or a time with its offset.")
@click.option("--until", metavar="TIME", help="The end, which is not in it itself.")
@paged
@click.pass_obj
def list_audit(
    session: Session, /, limit: int | None, all_: bool, **filters: str | int | None
) -> None:
    """List the audit trail, the newest first. JSON and CSV have what was before and after."""
    session.show_list(SHAPE, PATH, filters, how_many(limit, all_))
