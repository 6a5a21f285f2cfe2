"""Changing a thing that a form shows otherwise than the API writes it, such as rules in rows.

As `editing.py`: the form carries the version and what it showed then; who comes too late is shown
what is different now, and what was typed stays.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from functions.key_admin.console.editing import Form, base_of, differing, member_of
from functions.key_admin.console.faults import said
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

Values = dict[str, str]


class Read(NamedTuple):
    """What was typed, as a body; `errors` are those that no body can be made with, by field."""

    body: dict[str, Any]
    errors: dict[str, str]


class Draft(Protocol):
    """How a kind of thing is shown by a form, and read from it."""

    # Whether a change sends only the members that differ.
    is_patched: bool

    def values(self, thing: Mapping[str, Any]) -> Values:
        """The thing, as its form shows it."""
        ...

    def typed(self, form: Mapping[str, str]) -> Values:
        """The form's own fields of all that was sent."""
        ...

    def read(self, values: Values) -> Read:
        """What was typed, as a body."""
        ...

    def field(self, path: str, values: Values) -> str:
        """The form's field that a member of the body comes from; '' for none."""
        ...


def opened(draft: Draft, thing: Mapping[str, Any], version: str) -> Form:
    """The form of a thing as it is now."""
    values = draft.values(thing)
    return Form(values, _written(values), version)


def again(draft: Draft, form: Mapping[str, str], values: Values | None = None) -> Form:
    """The form as it was sent, for one more row or one less."""
    typed = draft.typed(form) if values is None else values
    return Form(typed, form.get("base", ""), form.get("version", ""))


async def created(
    view: View, draft: Draft, method: str, path: str, form: Mapping[str, str], version: str = ""
) -> tuple[Any, Form | None]:
    """The answer's body; or the form with its errors. Raises `Problem` for what no field is at."""
    values = draft.typed(form)
    body, errors = draft.read(values)
    if errors:
        return None, Form(values, errors=errors)
    try:
        return (await view.api.ask(method, path, body=body, version=version)).body, None
    except Problem as problem:
        return None, Form(values, errors=_errors(view, draft, problem, values))


async def saved(
    view: View, draft: Draft, method: str, path: str, form: Mapping[str, str]
) -> Form | None:
    """None: it is saved. Else the form again. Raises `Problem` as `created`."""
    version, values = form.get("version", ""), draft.typed(form)
    base = base_of(form)
    body, errors = draft.read(values)
    if errors:
        return Form(values, form.get("base", ""), version, errors)
    before = draft.read(base).body
    changes = {name: value for name, value in body.items() if before.get(name) != value}
    if not changes:
        return None
    try:
        sent = changes if draft.is_patched else body
        await view.api.ask(method, path, body=sent, version=version)
    except Problem as problem:
        if problem.status == 412:
            return await _conflict(view, draft, path, values, base, set(changes))
        errors = _errors(view, draft, problem, values)
        return Form(values, form.get("base", ""), version, errors)
    return None


async def _conflict(
    view: View, draft: Draft, path: str, typed: Values, base: Values, changed: set[str]
) -> Form:
    """What was typed, on top of the thing as it is now, and what is different."""
    answer = await view.api.ask("GET", path)
    now = draft.values(answer.body)
    differs = differing(dict.fromkeys((*now, *base)), base, now, typed)
    merged = {name: text for name, text in now.items() if member_of(name) not in changed}
    merged |= {name: text for name, text in typed.items() if member_of(name) in changed}
    return Form(merged, _written(now), answer.etag, conflict=differs)


def _errors(view: View, draft: Draft, problem: Problem, values: Values) -> dict[str, str]:
    """By the form's field; what is of none stands above all. Raises any other problem."""
    if problem.status not in (409, 422):
        raise problem
    found: dict[str, list[str]] = {}
    for one in problem.errors:
        message = said(view.words, view.formats, one)
        found.setdefault(draft.field(one.field, values), []).append(message)
    return {name: " ".join(dict.fromkeys(messages)) for name, messages in found.items()} or {
        "": problem.detail
    }


def _written(values: Values) -> str:
    return msgspec.json.encode(values).decode()
