"""`relayctl usage`: sums of the ledger, its rows, and who used most."""

from typing import Any

import click

from cli.admin.client import one
from cli.admin.options import AdminGroup, Session, how_many, paged
from cli.admin.output import Column, Item, Shape, print_items, token_fields
from cli.admin.receipts import print_receipt
from cli.admin.text import json_text
from cli.admin.usage_filters import filtered, of_rows, query_of, rows_of

PATH = "/internal/usage"
FIGURES = (
    Column("REQUESTS", "requests", "number"),
    Column("INPUT", "tokens.input", "number"),
    Column("OUTPUT", "tokens.output", "number"),
    Column("CACHE READ", "tokens.cache_read", "number"),
    Column("CACHE WRITE", "tokens.cache_write_5m+tokens.cache_write_1h", "number"),
    Column("COST USD", "cost_usd", "money"),
)
UNPRICED = Column("UNPRICED", "unpriced_requests", "number")
FIGURE_FIELDS = ("requests", *token_fields(), "cost_usd", "rated_usd", UNPRICED.path)
RECORDS = Shape(
    "records",
    (
        Column("OCCURRED", "occurred_at"),
        Column("ID", "id"),
        Column("KIND", "kind"),
        Column("USER", "user_id"),
        Column("REQUESTED", "model_requested"),
        Column("SERVED", "model_served"),
        Column("STATUS", "status"),
        *(column for column in FIGURES if column.path != "requests"),
    ),
    (
        *("id", "kind", "adjusts", "occurred_at", "key_id", "user_id", "team_id", "account_id"),
        *("provider", "dialect", "endpoint", "model_requested", "model_served", "status"),
        *("finish_cause", *token_fields(), "usage_source", "cost_usd", "price_version"),
        *("latency_ms", "first_token_ms", "attempts", "cache_hit", "redactions", "client"),
        *("error_code", "tags", "service_tier", "searches", "unit_prices"),
        *("discount", "priced_as", "price_multiplier", "rated_usd"),
    ),
)


_PERCENTILES = ("p50", "p90", "p99")
TIMINGS = Shape(
    "timings",
    (),
    (
        *("requests", "sampled", "oldest", "failures", "cache_hits", "tokens"),
        *(f"latency_ms.{name}" for name in _PERCENTILES),
        *(f"first_token_ms.{name}" for name in _PERCENTILES),
    ),
)
_PERIODS = ("day", "week", "month", "total")
SPEND = Shape(
    "keys",
    (Column("KEY", "key_id"), *(Column(f"{one.upper()} USD", one, "money") for one in _PERIODS)),
    ("key_id", *_PERIODS),
)


@click.group(cls=AdminGroup)
def usage() -> None:
    """What was used, by whom, and what it cost."""


@usage.command()
@click.option(
    "--group-by",
    metavar="NAMES",
    help="Up to four, with commas: model, provider, endpoint, status, key, user, team, account, "
    "hour, day, week, month.",
)
@filtered
@click.pass_obj
def sums(session: Session, /, group_by: str | None, **given: Any) -> None:
    """Sum usage, by groups and over all of them.

    UNPRICED, if there are any, are requests to models without a price: they stand at 0 in COST.
    """
    answer = session.client.get(PATH, {**query_of(given), "group_by": group_by})
    if session.output == "json":
        click.echo(json_text(answer))
        return
    total: Item = answer["total"]
    items: list[Item] = answer["items"]
    names = [name for name in (group_by or "").split(",") if name]
    shape = _shape("usage", list(dict.fromkeys(names)))
    if session.output == "csv":
        print_items("csv", shape, items if names else [total])
        return
    group = {names[0]: "TOTAL"} if names else {}
    # Under the other groups of a total stands nothing, not the dash of "none".
    blank = dict.fromkeys(names[1:], " ")
    if total.get(UNPRICED.path):
        shape = shape._replace(columns=(*shape.columns, UNPRICED))
    print_items("table", shape, items, total | {"group": blank | group})


@usage.command()
@of_rows
@filtered
@paged
@click.pass_obj
def records(session: Session, /, limit: int | None, all_: bool, **given: Any) -> None:
    """List the ledger's rows, the newest first."""
    query = rows_of(given)
    session.show_list(RECORDS, f"{PATH}/records", query, how_many(limit, all_))


@usage.command()
@click.argument("request_id", metavar="ID")
@click.pass_obj
def receipt(session: Session, request_id: str) -> None:
    """Show what one request used and cost, line by line.

    ID is the x-request-id of its answer. A request that is not in the ledger yet has none.
    """
    found = session.client.get(f"{one(f'{PATH}/requests', request_id)}/receipt")
    print_receipt(session.output, found)


@usage.command()
@click.option(
    "--by", type=click.Choice(["user", "key", "team", "model", "account"]), default="user"
)
@click.option("--metric", type=click.Choice(["cost", "requests", "tokens"]), default="cost")
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True)
@filtered
@click.pass_obj
def leaderboard(session: Session, /, by: str, metric: str, limit: int, **given: Any) -> None:
    """Who used most, the most first."""
    query = {**query_of(given), "by": by, "metric": metric, "limit": limit}
    items = session.client.get(f"{PATH}/leaderboard", query)["items"]
    shape = _shape("usage", [by])
    ranked = Shape(
        "usage", (Column("RANK", "rank", "number"), *shape.columns), ("rank", *shape.fields)
    )
    print_items(session.output, ranked, items)


@usage.command()
@filtered
@click.pass_obj
def timings(session: Session, /, **given: Any) -> None:
    """Show how long the newest requests took, in ms, and how many of them failed."""
    session.show(TIMINGS, session.client.get(f"{PATH}/timings", query_of(given)))


@usage.command()
@click.argument("key_ids", metavar="ID|NAME...", nargs=-1, required=True)
@click.pass_obj
def spend(session: Session, key_ids: tuple[str, ...]) -> None:
    """Show what keys have spent today, this week, this month and in all, in UTC."""
    query = {"key_ids": ",".join(key_ids)}
    print_items(session.output, SPEND, session.client.get("/internal/spend", query)["items"])


def _shape(what: str, groups: list[str]) -> Shape:
    columns = [Column(name.upper(), f"group.{name}") for name in groups]
    fields = [f"group.{name}" for name in groups]
    return Shape(what, (*columns, *FIGURES), (*fields, *FIGURE_FIELDS))
