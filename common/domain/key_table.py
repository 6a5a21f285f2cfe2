"""Keys as a table (CSV), read into bodies of the admin API's call for many keys. Pure.

The first row names the columns, in any order and case; only `name` must be there. Cells are parted
by commas, semicolons or tabs, whichever the first row has; what is a list in one cell by `|`,
semicolons or commas. A blank cell says nothing.
"""

import csv
import io
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

_LIST = re.compile(r"[|;,\n]")
# More than any bound has: Python reads no text of thousands of figures.
_FIGURES = re.compile(r"[0-9]{1,18}")
# A text that has more wrong than this is no table of keys: what is wrong first is said.
FAULTS_MAX = 200
# So many are made at once; what follows is not read.
KEYS_MAX = 500
_PERIODS = ("total", "day", "week", "month")
_RATES = (
    "requests_per_minute",
    "tokens_per_minute",
    "requests_per_day",
    "tokens_per_day",
    "concurrency",
)
# Column -> where its value stands in a body.
PATHS: Mapping[str, str] = {
    "name": "name",
    "user": "user_id",
    "team": "team",
    "tags": "tags",
    "expires_at": "expires_at",
    "activation_days": "activation.days",
    "scopes": "scopes",
    "models_allow": "models.allow",
    "models_deny": "models.deny",
    **{name: f"limits.{name}" for name in _RATES},
    **{f"budget_{period}": "budgets" for period in _PERIODS},
}
COLUMNS = tuple(PATHS)
_SAME = {"user_id": "user", "team_id": "team", "expires": "expires_at", "tag": "tags"}
_LISTS = frozenset(("tags", "scopes", "models_allow", "models_deny"))
_NUMBERS = frozenset((*_RATES, "activation_days"))


class Fault(NamedTuple):
    """What is wrong in a line of the table (1 is that of the columns' names), in which column."""

    line: int
    column: str
    message: str


class KeyTable(NamedTuple):
    """The bodies of the keys, each with the line that it stands in; or what is wrong."""

    keys: list[dict[str, Any]]
    lines: list[int]
    faults: list[Fault]


def read_key_table(text: str) -> KeyTable:
    """The keys of a table; with faults there are none of them."""
    text = text.removeprefix("\ufeff").strip("\r\n")
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    keys: list[dict[str, Any]] = []
    lines: list[int] = []
    try:
        cells = next(reader, [])
        if len(cells) > 2 * len(PATHS):
            message = f"has {len(cells)} columns: there are {', '.join(COLUMNS)}"
            return KeyTable([], [], [Fault(1, "", message)])
        names = [_column(cell) for cell in cells]
        faults = _of_columns(names)
        before = reader.line_num
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(faults) >= FAULTS_MAX:
                break
            if len(keys) >= KEYS_MAX:
                faults.append(Fault(line, "", f"is one too many: {KEYS_MAX} keys at most at once"))
                break
            if len(cells) > len(names):
                message = f"has {len(cells)} cells, and there are {len(names)} columns"
                faults.append(Fault(line, "", message))
            keys.append(_body(dict(zip(names, cells, strict=False))))
            lines.append(line)
    except csv.Error as error:
        return KeyTable([], [], [Fault(reader.line_num, "", f"is no row of CSV: {error}")])
    if not keys and not faults:
        faults.append(Fault(2, "", "there is no key: write a row for each below the columns"))
    return KeyTable([], [], faults) if faults else KeyTable(keys, lines, [])


def fault_of(table: KeyTable, field: str, message: str) -> Fault:
    """What the API says of a field such as `keys[3].limits.concurrency`, as of the table."""
    found = re.match(r"keys\[(\d+)\]\.?(.*)", field)
    if found is None or int(found[1]) >= len(table.lines):
        return Fault(0, "", f"{field}: {message}")
    path = found[2].partition("[")[0]
    column = next((name for name, one in PATHS.items() if one == path), path)
    if path == "budgets":
        column = _budget_of(table.keys[int(found[1])], found[2])
    return Fault(table.lines[int(found[1])], column, message)


def _column(cell: str) -> str:
    name = re.sub(r"[\s-]+", "_", cell.strip().lower())
    return _SAME.get(name, name)


def _of_columns(names: list[str]) -> list[Fault]:
    faults = [
        Fault(1, name or "", f"is no column: there are {', '.join(COLUMNS)}")
        for name in names
        if name not in PATHS
    ]
    faults += [
        Fault(1, name, "stands there twice")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if "name" not in names:
        faults.append(Fault(1, "name", "is missing: the first row names the columns"))
    return faults


def _body(cells: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    budgets = []
    for column, cell in cells.items():
        value = _value(column, cell.strip())
        if value is None:
            continue
        if column.startswith("budget_"):
            usd, _, policy = value.partition(":")
            budget = {"period": column.removeprefix("budget_"), "usd": usd}
            budgets.append(budget | ({"policy": policy} if policy else {}))
            continue
        outer, _, inner = PATHS.get(column, column).rpartition(".")
        (body.setdefault(outer, {}) if outer else body)[inner] = value
    # A name that is missing is for the API to say.
    return {"name": ""} | body | ({"budgets": budgets} if budgets else {})


def _value(column: str, text: str) -> Any:
    if not text:
        return None
    if column in _LISTS:
        return [one.strip() for one in _LIST.split(text) if one.strip()]
    if column in _NUMBERS:
        # What is no figure stays a text: the API says what it wants.
        return int(text) if _FIGURES.fullmatch(text) else text
    if column == "expires_at":
        try:
            return f"{date.fromisoformat(text)}T00:00:00Z"
        except ValueError:
            return text
    return text


def _budget_of(body: Mapping[str, Any], path: str) -> str:
    found = re.match(r"budgets\[(\d+)\]", path)
    if found is None:
        return "budget_total"
    return f"budget_{body['budgets'][int(found[1])]['period']}"
