"""Many new keys: of a list of names that have all else in common, or of a table (CSV)."""

import csv
import io
import re
import secrets
from typing import Any

import msgspec
from starlette.responses import Response

from common.domain.key_table import COLUMNS, KEYS_MAX, Fault, fault_of, read_key_table
from common.domain.spreadsheets import no_formula
from functions.key_admin.console import editing, fields
from functions.key_admin.console.faults import beside, said
from functions.key_admin.console.pages import key_form, names
from functions.key_admin.console.view import View
from functions.key_admin.models.keys_bulk import BODY_BYTES_MAX
from functions.key_admin.problem import Problem

PATH = "/internal/api-keys/bulk"
_SAVED = ("name", "user_id", "team_id", "id", "key")
SOURCES = ("names", "table")
_OWN = ("name", "user_id")
KIND = editing.Kind(
    fields=tuple(field for field in key_form.KIND.fields if field.path not in _OWN), nothing={}
)
_EXAMPLE = """name,user,team,tags,expires_at,requests_per_minute,budget_month
ci pipeline,ci,,ci|internal,,60,20
workshop 1,anna@example.com,,workshop,2027-01-31,30,5:deny
"""


async def show_new(view: View) -> Response:
    """The empty form."""
    source = view.query.get("source", "")
    return await _page(view, source, editing.Form(editing.shown(view, KIND, {})), {})


async def create(view: View, form: dict[str, str]) -> Response:
    """All made, with their secrets, this once; or the form with what is wrong."""
    source = form.get("source", "")
    once = form.get("once", "") or secrets.token_urlsafe(18)
    if source == "table":
        return await _of_table(view, form, once)
    shared = editing.body_of(view, KIND, form)
    lines = [line for line in form.get("names", "").splitlines() if line.strip()]
    errors = _too_much(view, shared, lines)
    if not errors:
        rows = [_named(line) for line in lines]
        try:
            return _made(view, await _sent(view, [shared | row for row in rows], once))
        except Problem as problem:
            errors = _by_field(view, problem, rows)
    typed = editing.shown(view, KIND, shared)
    again = editing.Form(typed, errors=beside(errors.items(), typed))
    return await _page(view, source, again, form)


async def _of_table(view: View, form: dict[str, str], once: str) -> Response:
    table = read_key_table(form.get("table", ""))
    faults = table.faults
    if not faults:
        try:
            return _made(view, await _sent(view, table.keys, once))
        except Problem as problem:
            if problem.status not in (409, 422):
                raise
            faults = [fault_of(table, one.field, one.message) for one in problem.errors]
            faults = faults or [Fault(0, "", problem.detail)]
    blank = editing.Form(editing.shown(view, KIND, {}), errors={"table": ""})
    return await _page(view, "table", blank, form, faults)


async def _sent(view: View, bodies: list[dict[str, Any]], once: str) -> list[dict[str, Any]]:
    answer = await view.api.ask("POST", PATH, body={"keys": bodies}, once=once)
    items: list[dict[str, Any]] = answer.body["items"]
    return items


def _too_much(view: View, shared: dict[str, Any], lines: list[str]) -> dict[str, str]:
    """What keeps the bodies from being made: each key's has all that they have in common."""
    if not lines:
        return {"names": view.words("bulk.no_names")}
    if len(lines) > KEYS_MAX:
        return {"names": view.words("bulk.too_many", n=len(lines), most=KEYS_MAX)}
    if len(msgspec.json.encode(shared)) * len(lines) > BODY_BYTES_MAX:
        return {"": view.words("bulk.too_much")}
    return {}


def _named(line: str) -> dict[str, str]:
    name, comma, user = line.partition(",")
    row = {"name": name.strip()}
    return row | ({"user_id": user.strip()} if comma and user.strip() else {})


def _by_field(view: View, problem: Problem, rows: list[dict[str, str]]) -> dict[str, str]:
    """What is wrong with a name stands at the names; of what is common, the first says it."""
    if problem.status not in (409, 422):
        raise problem
    errors: dict[str, str] = {}
    for one in problem.errors:
        found = re.match(r"keys\[(\d+)\]\.?(.*)", one.field)
        place, field = (int(found[1]), found[2]) if found else (None, one.field)
        message = said(view.words, view.formats, one)
        if field in _OWN and place is not None:
            line = f"{rows[place].get(field, '') or place + 1}: {message}"
            errors["names"] = f"{errors['names']}; {line}" if "names" in errors else line
        elif found is None and field.startswith("keys"):
            errors.setdefault("names", message)
        else:
            errors.setdefault(field, message)
    return errors or {"": problem.detail}


def _made(view: View, items: list[dict[str, Any]]) -> Response:
    text = io.StringIO()
    rows = [[no_formula(str(key[name] or "")) for name in _SAVED] for key in items]
    csv.writer(text).writerows([_SAVED, *rows])
    return view.page("keys_bulk_made.html", section="keys", keys=items, table=text.getvalue())


async def _page(
    view: View,
    source: str,
    form: editing.Form,
    given: dict[str, str],
    faults: list[Fault] | None = None,
) -> Response:
    return view.page(
        "keys_bulk.html",
        form.status,
        section="keys",
        form=form,
        values=form.values | {name: given.get(name, "") for name in ("names", "table")},
        errors=form.errors,
        faults=faults or [],
        source=source if source in SOURCES else SOURCES[0],
        sources=SOURCES,
        columns=COLUMNS,
        example=_EXAMPLE,
        once=secrets.token_urlsafe(18),
        teams=await names.of_teams(view),
        **fields.CHOICES,
    )
