"""`relayctl prices`: what is in force, books of one's own, and pricing records again."""

import json
from decimal import Decimal
from typing import Any

import click

from cli.admin.options import AdminGroup, Session, members, say
from cli.admin.output import Column, Item, Shape, print_items

PATH = "/internal/prices"
BOOK_BYTES_MAX = 1 << 20
SHAPE = Shape(
    "prices",
    (
        Column("MODEL", "model"),
        *(
            Column(title, f"prices.{name}")
            for title, name in (
                ("INPUT", "input"),
                ("OUTPUT", "output"),
                ("CACHE READ", "cache_read"),
                ("CACHE 5M", "cache_write_5m"),
                ("CACHE 1H", "cache_write_1h"),
            )
        ),
        Column("BOOK", "price_version"),
    ),
    ("model", "price_version", "prices"),
)
DIFF = Shape(
    "differences",
    (
        Column("MODEL", "model"),
        Column("CHANGE", "change"),
        Column("PRICE", "field"),
        Column("BEFORE", "before"),
        Column("AFTER", "after"),
        Column("PERCENT", "percent"),
    ),
    ("model", "change", "field", "before", "after", "percent"),
)
BOOKS = Shape(
    "imported price books",
    (
        Column("NAME", "name"),
        Column("FROM", "effective_from"),
        Column("IN FORCE", "in_force"),
        Column("MODELS", "models", "number"),
        Column("IMPORTED", "imported_at"),
    ),
    (
        *("id", "name", "digest", "effective_from", "in_force", "models", "imported_at"),
        *("imported_by", "unchanged"),
    ),
)


@click.group(cls=AdminGroup)
def prices() -> None:
    """Show, compare and import prices, and price records again."""


@prices.command()
@click.argument("model", required=False)
@click.pass_obj
def show(session: Session, model: str | None) -> None:
    """Show what models cost now, in USD per million tokens."""
    found = session.client.get(PATH, members(model=model))["items"]
    if model is None or session.output != "table":
        print_items(session.output, SHAPE, found)
        return
    for item in found:
        fields: Item = {"model": item["model"], "price_version": item["price_version"]}
        session.show(Shape("", (), tuple(fields | item["prices"])), fields | _escaped(item))


@prices.command()
@click.pass_obj
def books(session: Session) -> None:
    """List the price books that were imported, the last to begin first."""
    print_items(session.output, BOOKS, session.client.get(f"{PATH}/books")["items"])


@prices.command()
@click.argument("file", metavar="FILE")
@click.pass_obj
def diff(session: Session, file: str) -> None:
    """Compare a price book with what is in force: what importing it would change."""
    answer = session.client.send("POST", f"{PATH}/diff", body={"book": _book(file)}).body
    print_items(session.output, DIFF, _flat(answer["items"]))


@prices.command("import")
@click.argument("file", metavar="FILE")
@click.option(
    "--effective-from",
    metavar="TIME",
    help="Since when it holds, with its offset (the file's `effective`, else now).",
)
@click.pass_obj
def import_book(session: Session, file: str, effective_from: str | None) -> None:
    """Take a price book into force, on the next request everywhere; once, however often it runs.

    It replaces the one that was imported before, whole. Models that it does not name have the
    prices of the vendored book.
    """
    body = {"book": _book(file)} | members(effective_from=effective_from)
    made = session.client.send("POST", f"{PATH}/books", body=body).body
    if made["unchanged"]:
        say(f"{made['name']} was imported already: nothing was changed")
    session.show(BOOKS, made)


@prices.command()
@click.option("--from", "since", metavar="TIME", required=True, help="A date, or a time.")
@click.option("--to", "until", metavar="TIME", required=True, help="Not in it itself.")
@click.option("--model", help="Only records of this model.")
@click.option("--dry-run", is_flag=True, help="Only say what it would come to.")
@click.pass_obj
def recompute(session: Session, /, since: str, until: str, **given: Any) -> None:
    """Price records again by the books of their time, and post what differs as adjustments.

    Nothing is edited, and a second run posts nothing. It may be stopped and run again.
    """
    body = {"since": since, "until": until} | members(**given)
    counts = dict.fromkeys(("examined", "adjusted", "unpriced", "own_file"), 0)
    difference = "0"
    while True:
        page = session.client.send("POST", f"{PATH}/recompute", body=body).body
        for name in counts:
            counts[name] += page[name]
        difference = _sum(difference, page["difference_usd"])
        if page["next_cursor"] is None:
            break
        say(f"{counts['examined']} examined, {counts['adjusted']} differ, {difference} USD so far")
        body["cursor"] = page["next_cursor"]
    sentence = (
        f"{counts['examined']} records examined, {counts['adjusted']} "
        f"{'would be' if given['dry_run'] else 'were'} adjusted by {difference} USD in all; "
        f"{counts['unpriced']} have no price still"
    )
    if counts["own_file"]:
        sentence += f", {counts['own_file']} are priced by a file of relay's own, and left"
    said = counts | {"difference_usd": difference, "dry_run": given["dry_run"]}
    session.show_said(sentence, said)


def _sum(one: str, other: str) -> str:
    return f"{Decimal(one) + Decimal(other):.12f}"


def _flat(items: list[Item]) -> list[Item]:
    """A row a price; a model that went has one row."""
    return [
        {"model": item["model"], "change": item["change"], **field}
        for item in items
        for field in item["fields"]
    ]


def _escaped(item: Item) -> Item:
    """Prices by their place, whose points are no paths."""
    nested: Item = {}
    for place, usd in item["prices"].items():
        *outer, name = place.split(".")
        inside = nested
        for part in outer:
            inside = inside.setdefault(part, {})
        inside[name] = usd
    return nested


def _book(file: str) -> Any:
    try:
        with click.open_file(file, encoding="utf-8") as stream:
            data: str = stream.read(BOOK_BYTES_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None
    if len(data) > BOOK_BYTES_MAX:
        raise click.UsageError(f"{file} has more than {BOOK_BYTES_MAX} bytes")
    try:
        return json.loads(data)
    except ValueError as error:
        raise click.UsageError(f"{file} is no JSON: {error}") from None
