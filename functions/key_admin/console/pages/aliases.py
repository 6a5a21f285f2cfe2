"""Aliases: names that stand for models, by rules in rows."""

from typing import Any
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from functions.key_admin.console import drafts
from functions.key_admin.console.editing import Form
from functions.key_admin.console.pages import names
from functions.key_admin.console.routing_fields import CONDITIONS, AliasDraft, acted, places
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

PATH = "/internal/aliases"
HOME = "/admin/routing/aliases"
ROWS = 50
# No alias has this version: who makes one finds that there is one of the name.
_NONE_YET = '"0"'


async def show(view: View) -> Response:
    """A page of them, by name."""
    found = await view.gather(
        page=view.api.get(PATH, limit=ROWS, cursor=view.query.get("cursor")),
        teams=names.of_teams(view),
    )
    return view.page(
        "aliases.html",
        section="routing",
        aliases=found["page"]["items"],
        next_cursor=found["page"]["next_cursor"],
        teams=found["teams"],
        done=view.query.get("done", ""),
    )


async def show_new(view: View) -> Response:
    """The empty form, with one rule."""
    return await _page(view, Form({"name": view.query.get("name", ""), "rules[0].models": ""}))


async def create(view: View, form: dict[str, str]) -> Response:
    """Made, unless there is one of that name."""
    draft, name = await _draft(view), form.get("name", "").strip()
    at, left = _acted(draft, form)
    if left is None:
        try:
            _, left = await drafts.created(view, draft, "PUT", _path(name), form, _NONE_YET)
            if left is not None and not name:
                unnamed = {"name": view.words("alias.no_name")}
                left = msgspec.structs.replace(left, errors=unnamed | left.errors)
        except Problem as problem:
            if problem.status not in (404, 412):
                raise
            taken = problem.status == 412
            error = view.words("alias.taken") if taken else view.words("alias.no_name")
            left = Form(draft.typed(form), errors={"name": error})
        if left is None:
            return view.redirect(view.link(HOME, done="saved"))
    given = left.values | {"name": name}
    return await _page(view, Form(given, errors=left.errors), at=at)


async def edit(view: View, name: str) -> Response:
    """The rules as they are now."""
    answer = await view.api.ask("GET", _path(name))
    form = drafts.opened(await _draft(view), answer.body, answer.etag)
    return await _page(view, form, name)


async def save(view: View, form: dict[str, str], name: str) -> Response:
    """Changed, and on; or the form again."""
    draft = await _draft(view)
    at, left = _acted(draft, form)
    if left is None:
        left = await drafts.saved(view, draft, "PUT", _path(name), form)
    if left is None:
        return view.redirect(view.link(HOME, done="saved"))
    return await _page(view, left, name, at)


async def ask_delete(view: View, name: str) -> Response:
    """What deleting does, to be confirmed."""
    alias = await view.api.get(_path(name))
    return view.page("alias_delete.html", section="routing", alias=alias, path=_address(name))


async def delete(view: View, form: dict[str, str], name: str) -> Response:
    """Deleted."""
    del form
    await view.api.ask("DELETE", _path(name))
    return view.redirect(view.link(HOME, done="deleted"))


def _acted(draft: AliasDraft, form: dict[str, str]) -> tuple[int, Form | None]:
    """The row to go on at and the form, where it is only to have other rows."""
    act = form.get("act", "")
    if not act:
        return -1, None
    values, at = acted(draft.typed(form), "rules", act)
    return at, drafts.again(draft, form, values)


async def _draft(view: View) -> AliasDraft:
    return AliasDraft(
        await names.of_teams(view), view.words("routing.twice"), view.words("alias.no_models")
    )


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"


def _address(name: str) -> str:
    return f"{HOME}/{quote(name, safe='')}"


async def _page(view: View, form: Form, name: str = "", at: int = -1) -> Response:
    found = await view.gather(
        teams=names.of_teams(view),
        accounts=names.accounts(view),
        models=view.api.get("/internal/models", limit=names.TEAMS_MAX),
    )
    rows = places(form.values, "rules")
    if at < 0 and not rows:
        rows = [0]
    elif at >= len(rows):
        rows.append(at)
    asked: list[tuple[int, bool]] = [(row, _has_condition(form, row)) for row in rows]
    return view.page(
        "alias_form.html",
        form.status,
        section="routing",
        name=name,
        path=_address(name) if name else HOME,
        form=form,
        values=form.values,
        errors=form.errors,
        rows=asked,
        at=at,
        teams=found["teams"],
        models=sorted(names.of_models(found["models"]["items"], found["accounts"])),
    )


def _has_condition(form: Form, row: int) -> bool:
    fields = [f"rules[{row}].when.{name}" for name in CONDITIONS]
    known: dict[str, Any] = form.values | form.errors
    return any(known.get(name) for name in fields)
