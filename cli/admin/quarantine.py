"""`relayctl quarantine`: usage records that the ledger could not take."""

import click

from cli.admin.again import retry_each, these_or_all
from cli.admin.options import AdminGroup, Session, how_many, paged
from cli.admin.output import Column, Shape

PATH = "/internal/quarantine"
SHAPE = Shape(
    "records in quarantine",
    (
        Column("RECEIVED", "received_at"),
        Column("ID", "id"),
        Column("REASON", "reason"),
        Column("DETAIL", "detail"),
    ),
    ("id", "reason", "detail", "outbox_id", "received_at", "record"),
)


@click.group(cls=AdminGroup)
def quarantine() -> None:
    """Look at usage records that the ledger could not take, and post them again."""


@quarantine.command("list")
@click.option("--reason")
@paged
@click.pass_obj
def list_quarantine(session: Session, reason: str | None, limit: int | None, all_: bool) -> None:
    """List the quarantine, the newest first. JSON and CSV have the records themselves."""
    session.show_list(SHAPE, PATH, {"reason": reason}, how_many(limit, all_))


@quarantine.command()
@these_or_all
@click.pass_obj
def retry(session: Session, ids: tuple[str, ...], all_: bool) -> None:
    """Post records again; each says why if the ledger still cannot take it."""
    retry_each(session, PATH, ids, all_, lambda _: True)
