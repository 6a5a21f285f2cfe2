"""`relayctl budgets`: budgets alone, place by place of the tree, and how full each is."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import click

from cli.admin.limits_use import FIGURES, PATH, rows_of
from cli.admin.options import LIMIT_DEFAULT, AdminGroup, Session, how_many, paged, say
from cli.admin.output import Column, Item, Shape, print_items

SHAPE = Shape(
    "budgets",
    (
        Column("LEVEL", "level"),
        Column("NAME", "name"),
        Column("BUDGET", "limit"),
        Column("FULL %", "full", "number"),
        *FIGURES,
    ),
    (
        *("level", "id", "name", "limit", "full", "used", "reserved", "remaining", "most"),
        *("policy", "resets_at"),
    ),
)


@click.group(cls=AdminGroup)
def budgets() -> None:
    """Budgets, and how full they are."""


@budgets.command("list")
@click.option("--team", "team_id", metavar="ID|NAME", help="Of the users of a team.")
@click.option("--no-team", is_flag=True, help="Of the users that have none.")
@click.option(
    "--user", "user_id", metavar="ID", help="Of a user and above; with a team: of its keys there."
)
@paged
@click.pass_obj
def list_budgets(
    session: Session, /, limit: int | None, all_: bool, no_team: bool, **query: Any
) -> None:
    """List the organisation's and the teams' budgets, the fullest first. Money is in USD.

    What has no budget is left out. `--limit` counts teams, users or keys, with budgets or without.
    """
    if query["user_id"] is not None and query["team_id"] is None and not no_team:
        levels: Iterable[Item] = session.client.get(PATH, query)["items"]
    else:
        given = query | {"no_team": "true" if no_team else None}
        levels = session.client.items(f"{PATH}/tree", given, how_many(limit, all_))
    print_items(session.output, SHAPE, _budgets_of(levels))
    if session.client.more:
        say(f"these are of the first {limit or LIMIT_DEFAULT}: there are more with --limit, --all")


def _budgets_of(levels: Iterable[Item]) -> Iterator[Item]:
    for level in levels:
        for row in rows_of(level):
            # What has a policy is a budget; "?": Redis cannot say what is used.
            if row.get("policy") is not None:
                yield row | {"full": _full(row)}
            elif row["limit"] == "?":
                yield row


def _full(row: Item) -> int:
    """How many hundredths are used or reserved, rounded down; 100 of a budget of nothing."""
    most = Decimal(str(row["most"]))
    held = Decimal(str(row["used"])) + Decimal(str(row["reserved"] or 0))
    return int(100 * held / most) if most else 100
