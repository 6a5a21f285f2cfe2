"""Doing again what failed, for the things that are named or for all of them."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from cli.admin.client import one
from cli.admin.errors import EXIT_REFUSED, Refused
from cli.admin.options import Session
from cli.admin.output import Column, Item, Shape, print_items

SHAPE = Shape(
    "things to do again",
    (Column("ID", "id"), Column("RETRIED", "retried"), Column("WHY NOT", "reason")),
    ("id", "retried", "reason", "request_id"),
)
_Command = TypeVar("_Command", bound=Callable[..., Any])


def these_or_all(command: _Command) -> _Command:
    """Give a command its ids and --all."""
    named = click.argument("ids", metavar="[ID]...", nargs=-1)
    return named(click.option("--all", "all_", is_flag=True, help="All that wait.")(command))


def retry_each(
    session: Session, path: str, ids: Sequence[str], all_: bool, waits: Callable[[Item], bool]
) -> None:
    """Retry each; one that is refused keeps none of the others. Ends with 1 if any was.

    Raises `click.UsageError` and `Unreachable`; what was done until then is printed before.
    """
    if bool(ids) == all_:
        raise click.UsageError("name ids, or give --all")
    if all_:
        # All are found first: one that succeeds leaves the list, and the pages would shift.
        ids = [item["id"] for item in session.client.items(path, {}, None) if waits(item)]
    done: list[Item] = []
    try:
        # One by one: when the server goes away in the middle, those before it are in `done`.
        done.extend(_retry(session, path, identifier) for identifier in ids)
    finally:
        print_items(session.output, SHAPE, done)
    if not all(item["retried"] for item in done):
        raise click.exceptions.Exit(EXIT_REFUSED)


def _retry(session: Session, path: str, identifier: str) -> Item:
    item: Item = {"id": identifier, "retried": True, "reason": None, "request_id": None}
    try:
        session.client.send("POST", one(path, identifier, "/retry"))
    except Refused as refusal:
        reason = f"{refusal.detail} ({refusal.note})" if refusal.note else refusal.detail
        item |= {"retried": False, "reason": reason, "request_id": refusal.request_id}
        refusal.show()
    return item
