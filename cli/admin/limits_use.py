"""`relayctl limits`: what is used, reserved and left of limits and budgets at this moment."""

from typing import Any

import click

from cli.admin.options import AdminGroup, Session
from cli.admin.output import Column, Item, Shape, print_items

PATH = "/internal/limits"
SHAPE = Shape(
    "limits",
    (
        Column("LEVEL", "level"),
        Column("NAME", "name"),
        Column("LIMIT", "limit"),
        Column("USED", "used", "number"),
        Column("RESERVED", "reserved", "number"),
        Column("LEFT", "remaining", "number"),
        Column("MOST", "most", "number"),
        Column("POLICY", "policy"),
        Column("STARTS ANEW", "resets_at"),
    ),
    (
        *("level", "id", "name", "limit", "used", "reserved", "remaining", "most", "policy"),
        "resets_at",
    ),
)


@click.group(cls=AdminGroup)
def limits() -> None:
    """What is used and left of limits and budgets."""


@limits.command()
@click.option("--key-id", metavar="ID|NAME", help="Of a key, and of all levels above it.")
@click.option("--user-id", metavar="ID")
@click.option("--team-id", metavar="ID|NAME")
@click.pass_obj
def show(session: Session, /, **query: Any) -> None:
    """Show the organisation's and the teams', or those of one level. Money is in USD."""
    found = session.client.get(PATH, query)["items"]
    print_items(session.output, SHAPE, [row for level in found for row in rows_of(level)])


def rows_of(level: Item) -> list[Item]:
    """A row for each of a level's limits; one that says what cannot be told while Redis is away."""
    named = {name: level[name] for name in ("level", "id", "name")}
    if level["use"] is None:
        return [named | {"limit": "?"}]
    return [named | use for use in level["use"]]
