"""`relayctl limits`: what is used, reserved and left of limits and budgets at this moment."""

from typing import Any

import click

from cli.admin.options import LIMIT_DEFAULT, AdminGroup, Session, how_many, paged, say
from cli.admin.output import Column, Item, Shape, print_items

PATH = "/internal/limits"
FIGURES = (
    Column("USED", "used", "number"),
    Column("RESERVED", "reserved", "number"),
    Column("LEFT", "remaining", "number"),
    Column("MOST", "most", "number"),
    Column("POLICY", "policy"),
    Column("STARTS ANEW", "resets_at"),
)
SHAPE = Shape(
    "limits",
    (
        Column("LEVEL", "level"),
        Column("NAME", "name"),
        Column("LIMIT", "limit"),
        *FIGURES,
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


@limits.command()
@click.option("--team-id", metavar="ID|NAME", help="The users of a team.")
@click.option("--no-team", is_flag=True, help="The users that have none.")
@click.option("--user-id", metavar="ID", help="The keys of a user in that team, or in none.")
@paged
@click.pass_obj
def tree(session: Session, /, limit: int | None, all_: bool, no_team: bool, **query: Any) -> None:
    """Show what is below a place of the tree, the nearest to a limit first; the teams at its top.

    What has no limits of its own has a row without any.
    """
    given = query | {"no_team": "true" if no_team else None}
    found = session.client.items(f"{PATH}/tree", given, how_many(limit, all_))
    rows = (row for level in found for row in rows_of(level) or [_named(level)])
    print_items(session.output, SHAPE, rows)
    if session.client.more:
        say(f"these are the first {limit or LIMIT_DEFAULT}: there are more with --limit or --all")


def rows_of(level: Item) -> list[Item]:
    """A row for each of a level's limits; one that says what cannot be told while Redis is away."""
    named = _named(level)
    if level["use"] is None:
        return [named | {"limit": "?"}]
    return [named | use for use in level["use"]]


def _named(level: Item) -> Item:
    return {name: level[name] for name in ("level", "id", "name")}
