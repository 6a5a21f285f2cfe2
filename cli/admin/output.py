"""What commands print: a table for people, JSON and CSV for programs."""

import csv
import io
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import click

from cli.admin.text import json_text, no_formula, printable, width

OUTPUTS = ("table", "json", "csv")
TOKEN_CLASSES = (
    *("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"),
    *("reasoning", "audio_input", "audio_output"),
)
_PLACES_MIN = 2

Item = dict[str, Any]


class Column(NamedTuple):
    """A column of a table: its title, where its values are, and how they are written."""

    title: str
    path: str
    kind: Literal["text", "number", "money"] = "text"


class Shape(NamedTuple):
    """What a resource shows: the columns of its table, and all its fields for CSV.

    CSV has its header even without rows, and so needs to be told.
    """

    what: str
    columns: Sequence[Column]
    fields: Sequence[str]


def token_fields() -> tuple[str, ...]:
    """The fields of a record's tokens."""
    return tuple(f"tokens.{name}" for name in TOKEN_CLASSES)


def print_items(
    output: str, shape: Shape, items: Iterable[Item], total: Item | None = None
) -> None:
    """A list; JSON and CSV as the items come. `total` is the last row of a table."""
    if output == "json":
        _print_json_list(items)
    elif output == "csv":
        _print_csv(shape.fields, items)
    else:
        rows = list(items)
        if rows or total is not None:
            _print_table(shape.columns, rows if total is None else [*rows, total])
        else:
            click.echo(f"no {shape.what}")


def print_item(output: str, shape: Shape, item: Item) -> None:
    """One thing: in a table a line for each of its fields."""
    if output == "json":
        click.echo(json_text(item))
    elif output == "csv":
        _print_csv(shape.fields, [item])
    else:
        known = [field for field in shape.fields if _at(item, field) is not None]
        titles = max((len(field) for field in known), default=0)
        for field in known:
            click.echo(f"{field.ljust(titles)}  {_cell(_at(item, field))}")


def _print_json_list(items: Iterable[Item]) -> None:
    """An array, an item at a time: a ledger may be larger than memory."""
    empty = True
    for item in items:
        text = "\n".join(f"  {line}" for line in json_text(item).split("\n"))
        click.echo(("[\n" if empty else ",\n") + text, nl=False)
        empty = False
    click.echo("[]" if empty else "\n]")


def _print_csv(fields: Sequence[str], items: Iterable[Item]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    rows: Iterator[Sequence[str]] = ([_csv_cell(_at(item, field)) for field in fields]
                                     for item in items)  # fmt: skip
    for row in itertools.chain([fields], rows):
        writer.writerow(row)
        sys.stdout.write(buffer.getvalue())
        buffer.seek(0)
        buffer.truncate()
    sys.stdout.flush()


def _print_table(columns: Sequence[Column], rows: Sequence[Item]) -> None:
    texts = []
    for column in columns:
        cells = [_cell(_at(row, column.path)) for row in rows]
        texts.append([column.title, *(_money(cells) if column.kind == "money" else cells)])
    widths = [max(width(text) for text in cells) for cells in texts]
    for line in zip(*texts, strict=True):
        padded = []
        for column, text, wide in zip(columns, line, widths, strict=True):
            blanks = " " * (wide - width(text))
            padded.append(text + blanks if column.kind == "text" else blanks + text)
        click.echo("  ".join(padded).rstrip())


def _money(cells: Sequence[str]) -> list[str]:
    """Amounts with as many decimals as the longest needs: exact, and their points in a line."""
    fractions = [cell.partition(".")[2] for cell in cells if cell != "-"]
    places = max([_PLACES_MIN, *(len(fraction.rstrip("0")) for fraction in fractions)])
    return [
        cell
        if cell == "-"
        else f"{cell.partition('.')[0]}.{cell.partition('.')[2]:0<{places}.{places}}"
        for cell in cells
    ]


def _at(item: Any, path: str) -> Any:
    """The value at a path such as `models.allow`; several joined by `+` are added."""
    if "+" in path:
        return sum(_at(item, one) or 0 for one in path.split("+"))
    for step in path.split("."):
        item = item.get(step) if isinstance(item, dict) else None
    return item


def _cell(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return printable(", ".join(value))
    if isinstance(value, dict | list):
        return json_text(_without_empty(value), indent=None)
    return printable(str(value))


def _without_empty(value: Any) -> Any:
    """The members that say something: a table is for people."""
    if isinstance(value, dict):
        pruned = {name: _without_empty(one) for name, one in value.items()}
        return {name: one for name, one in pruned.items() if one not in (None, "", [], {})}
    return [_without_empty(one) for one in value] if isinstance(value, list) else value


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return no_formula(value)
    return json_text(value, indent=None)
