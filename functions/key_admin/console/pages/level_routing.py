"""The form of a level's routing: of the organisation, a team or a key."""

from typing import Any

from starlette.responses import Response

from functions.key_admin.console import drafts
from functions.key_admin.console.editing import Form
from functions.key_admin.console.pages import names
from functions.key_admin.console.routing_fields import (
    BLANK_ROWS,
    Level,
    LevelDraft,
    acted,
    places,
)
from functions.key_admin.console.view import View

_LEVELS: dict[str, Level] = {"": "organisation", "teams": "team", "keys": "key"}
_PATHS = {"teams": "/internal/teams", "keys": "/internal/api-keys"}


async def show(view: View, section: str = "", name: str = "") -> Response:
    """The rules as they are now."""
    answer = await view.api.ask("GET", _path(section, name))
    if answer.body.get("status") == "revoked":
        return view.redirect(view.link(_address(section, name), done="restore_first"))
    draft = _draft(view, section)
    form = drafts.opened(draft, answer.body, answer.etag)
    return await _page(view, section, form, answer.body)


async def save(view: View, form: dict[str, str], section: str = "", name: str = "") -> Response:
    """Changed, and on; or the form again."""
    draft, path = _draft(view, section), _path(section, name)
    at = -1
    if act := form.get("act", ""):
        values, at = acted(draft.typed(form), "fallbacks", act)
        left: Form | None = drafts.again(draft, form, values)
    else:
        left = await drafts.saved(view, draft, "PATCH", path, form)
    if left is None:
        return view.redirect(view.link(_address(section, name), done="saved"))
    return await _page(view, section, left, await view.api.get(path), at)


def _draft(view: View, section: str) -> LevelDraft:
    return LevelDraft(_LEVELS[section], view.words("routing.twice"))


def _path(section: str, name: str) -> str:
    return f"{_PATHS[section]}/{name}" if section else "/internal/organisation"


def _address(section: str, name: str) -> str:
    return f"/admin/{section}/{name}" if section else "/admin/routing"


async def _page(
    view: View, section: str, form: Form, thing: dict[str, Any], at: int = -1
) -> Response:
    found = await view.gather(
        groups=names.of_groups(view),
        accounts=names.accounts(view),
        models=view.api.get("/internal/models", limit=names.TEAMS_MAX),
    )
    rows = places(form.values, "fallbacks")
    if not _may(view, section):
        rows = [row for row in rows if _is_filled(form, row)]
    elif at < 0:
        rows = [row for row in rows if _is_filled(form, row)]
        first = 1 + max(rows, default=-1)
        rows += range(first, first + BLANK_ROWS)
    accounts = found["accounts"]
    return view.page(
        "level_routing.html",
        form.status,
        section=section or "routing",
        level=_LEVELS[section],
        thing=thing,
        may=_may(view, section),
        name=thing.get("name", ""),
        path=_address(section, thing.get("id", "")),
        here=f"/admin/{section}/{thing['id']}/routing" if section else "/admin/routing/edit",
        form=form,
        values=form.values,
        errors=form.errors,
        rows=rows,
        at=at,
        groups=found["groups"],
        accounts=names.by_name(accounts),
        regions=sorted({one["region"].lower() for one in accounts if one["region"]}),
        models=sorted(names.of_models(found["models"]["items"], accounts)),
    )


def _may(view: View, section: str) -> bool:
    """A team admin changes keys, but not by whom they are served."""
    sees_everything = view.actor is not None and view.actor.scope.everything
    return sees_everything and view.api.may("PATCH", _path(section, "x"))


def _is_filled(form: Form, row: int) -> bool:
    return any(form.values.get(f"fallbacks[{row}].{name}") for name in ("model", "instead"))
