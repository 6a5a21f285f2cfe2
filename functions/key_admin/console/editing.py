"""Changing a thing by a form: what is sent of it, and what becomes of it. No change is lost.

The form carries the version that it was made of and what it showed then. Who comes too late is
refused, and shown what is different now; what was typed stays, and is sent on top of that.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from functions.key_admin.console.faults import by_field
from functions.key_admin.console.fields import BUDGET_ROWS
from functions.key_admin.console.forms import Input, flattened, members, pairs
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

_MINUTES = "%Y-%m-%dT%H:%M"
Conflict = list[tuple[str, str, str, str]]
Rewritten = Callable[[dict[str, Any]], dict[str, Any]]


def _as_they_are(members: dict[str, Any]) -> dict[str, Any]:
    return members


class Kind(msgspec.Struct, frozen=True):
    """A kind of thing: its fields; what a change says of members that are blank; what it keeps.

    Where the form has other members than the API, `to_body` makes the one's of the other's, and
    `to_form` the other way.
    """

    fields: tuple[Input, ...]
    nothing: dict[str, Any]
    kept: frozenset[str] = frozenset()
    to_body: Rewritten = _as_they_are
    to_form: Rewritten = _as_they_are

    @property
    def paths(self) -> tuple[str, ...]:
        """The names of its form's fields."""
        return tuple(field.path for field in self.fields)


class Form(msgspec.Struct, frozen=True):
    """A form as it is shown: `base` is what it showed first, of `version`."""

    values: dict[str, str]
    base: str = ""
    version: str = ""
    errors: dict[str, str] = {}
    conflict: Conflict | None = None

    @property
    def status(self) -> int:
        """With which the page is answered."""
        return 422 if self.errors else 412 if self.conflict is not None else 200


def body_of(view: View, kind: Kind, form: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, as a body. A budget without an amount is a row that was left blank."""
    given = dict(form)
    for row in range(BUDGET_ROWS):
        if not given.get(f"budgets[{row}].usd", "").strip():
            given |= {f"budgets[{row}].period": "", f"budgets[{row}].policy": ""}
    body = members(kind.fields, given, view.words.language)
    if "expires_at" in body:
        body["expires_at"] = with_zone(view, body["expires_at"])
    return kind.to_body(body)


def shown(view: View, kind: Kind, thing: Mapping[str, Any]) -> dict[str, str]:
    """A thing, or a body that was sent, as its form shows it."""
    paths = kind.paths
    found = dict.fromkeys(paths, "") | {
        path: text for path, text in flattened(kind.to_form(dict(thing))).items() if path in paths
    }
    for field in kind.fields:
        if field.kind in ("names", "headers"):
            found[field.path] = pairs(field.kind, thing.get(field.path))
    if "expires_at" in found:
        found["expires_at"] = _local(view, found["expires_at"])
    return found


def opened(view: View, kind: Kind, thing: Mapping[str, Any], version: str) -> Form:
    """The form of a thing as it is now."""
    values = shown(view, kind, thing)
    return Form(values, _carried(values), version)


async def created(
    view: View,
    kind: Kind,
    path: str,
    form: Mapping[str, str],
    once: str = "",
    unseen: Mapping[str, Any] | None = None,
) -> tuple[Any, Form | None]:
    """The answer's body; or the form with its errors. Raises `Problem` for what no field is at.

    `unseen` is sent too and never shown again: secrets.
    """
    body = body_of(view, kind, form)
    try:
        sent = {**body, **(unseen or {})}
        return (await view.api.ask("POST", path, body=sent, once=once)).body, None
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        typed = shown(view, kind, body)
        return None, Form(typed, errors=by_field(view.words, view.formats, problem, typed))


async def saved(
    view: View,
    kind: Kind,
    path: str,
    form: Mapping[str, str],
    unseen: Mapping[str, Any] | None = None,
) -> Form | None:
    """None: it is saved. Else the form again. Raises `Problem` as `created`; `unseen` as there."""
    base, version = base_of(form), form.get("version", "")
    body = body_of(view, kind, form)
    typed = shown(view, kind, body) | {name: base.get(name, "") for name in kind.kept}
    touched = {member_of(path) for path in kind.paths if typed[path] != base.get(path, "")}
    changes = {name: body.get(name, kind.nothing.get(name)) for name in sorted(touched)}
    changes.update(unseen or {})
    try:
        if changes:
            await view.api.ask("PATCH", path, body=changes, version=version)
    except Problem as problem:
        if problem.status == 412:
            return await _conflict(view, kind, path, typed, base)
        if problem.status not in (409, 422):
            raise
        errors = by_field(view.words, view.formats, problem, typed)
        return Form(typed, form.get("base", ""), version, errors)
    return None


async def _conflict(
    view: View, kind: Kind, path: str, typed: dict[str, str], base: dict[str, str]
) -> Form:
    """The form as the thing is now, with what was typed on top, and what is different."""
    answer = await view.api.ask("GET", path)
    now = shown(view, kind, answer.body)
    differs = differing(kind.paths, base, now, typed)
    # A list is one thing: rows of the one and of the other beside each other would be nobody's.
    touched = {_list(name) for name in kind.paths if typed[name] != base.get(name, "")}
    merged = {name: (typed if _list(name) in touched else now)[name] for name in kind.paths}
    return Form(merged, _carried(now), answer.etag, conflict=differs)


def differing(
    names: Iterable[str], base: Mapping[str, str], now: Mapping[str, str], typed: Mapping[str, str]
) -> Conflict:
    """The fields that others changed: what each was, what it is now and what was typed."""
    return [
        (name, base.get(name, ""), now.get(name, ""), typed.get(name, ""))
        for name in names
        if now.get(name, "") != base.get(name, "")
    ]


def _carried(values: dict[str, str]) -> str:
    """As the form carries it; what is blank needs no place."""
    return msgspec.json.encode({name: text for name, text in values.items() if text}).decode()


def member_of(path: str) -> str:
    """The member of the thing that a field of its form is of, or of a part of."""
    return path.partition(".")[0].partition("[")[0]


def _list(path: str) -> str:
    """The list that a field is in a row of; else the field."""
    return path.partition("[")[0]


def base_of(form: Mapping[str, str]) -> dict[str, str]:
    """What the form showed first. Raises `Problem` for a form that nobody was given."""
    try:
        return msgspec.json.decode(form.get("base", ""), type=dict[str, str])
    except msgspec.DecodeError:
        raise Problem(400, "Malformed form", "The form cannot be read: load it again.") from None


def with_zone(view: View, text: str) -> str:
    """A time of the person's clock with its offset; what is none is left for the API to refuse."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (moment if moment.tzinfo else moment.replace(tzinfo=view.zone)).isoformat()


def _local(view: View, text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone(view.zone).strftime(_MINUTES)
    except (ValueError, OverflowError):  # none, or at the calendar's end
        return text
