"""`relayctl dead-letters`: events that nobody took, as the database keeps them."""

import click

from cli.admin.again import retry_each, these_or_all
from cli.admin.client import one
from cli.admin.options import AdminGroup, Session, how_many, paged
from cli.admin.output import Column, Shape

PATH = "/internal/dead-letters"
SHAPE = Shape(
    "dead letters",
    (
        Column("RECEIVED", "received_at"),
        Column("ID", "id"),
        Column("TYPE", "event_type"),
        Column("LAST STATUS", "error_code"),
        Column("DESTINATION", "error_destination"),
        Column("RETRIED", "retried_at"),
    ),
    (
        *("id", "received_at", "event_id", "event_source", "event_type", "error_code"),
        *("error_destination", "retried_at"),
    ),
)

SHOWN = Shape("dead letters", SHAPE.columns, (*SHAPE.fields, "attributes", "data"))


@click.group(cls=AdminGroup)
def dead_letters() -> None:
    """Look at events that nobody took, and send them again."""


@dead_letters.command("list")
@paged
@click.pass_obj
def list_dead_letters(session: Session, limit: int | None, all_: bool) -> None:
    """List dead letters, the newest first."""
    session.show_list(SHAPE, PATH, {}, how_many(limit, all_))


@dead_letters.command()
@click.argument("letter_id", metavar="ID")
@click.pass_obj
def show(session: Session, letter_id: str) -> None:
    """Show a dead letter with what the event says."""
    session.show(SHOWN, session.client.get(one(PATH, letter_id)))


@dead_letters.command()
@these_or_all
@click.pass_obj
def retry(session: Session, ids: tuple[str, ...], all_: bool) -> None:
    """Give events to the broker again; with --all, those that were not retried yet."""
    retry_each(session, PATH, ids, all_, lambda letter: letter["retried_at"] is None)
