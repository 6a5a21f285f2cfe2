"""The forms of teams and users: new, changing, deleting."""

from typing import Any
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from functions.key_admin.console import editing, fields
from functions.key_admin.console.forms import Input
from functions.key_admin.console.pages import names
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem
from functions.key_admin.scoping import may_say_who

# Of those who hinder a deletion.
NAMED = 10
_NOBODY: dict[str, Any] = {"items": [], "next_cursor": None}
_POLICY = (*fields.TENANT_ACCESS, *fields.LIMITS)
KINDS = {
    "teams": editing.Kind(
        fields=(
            *(Input("name"), Input("description"), Input("price_multiplier", "decimal")),
            Input("self_service.enabled", "flag"),
            Input("self_service.keys_max", "integer"),
            Input("self_service.expires_within_days", "integer"),
            *_POLICY,
        ),
        nothing={"name": "", "description": "", "price_multiplier": "1"},
    ),
    "users": editing.Kind(
        fields=(Input("id"), Input("name"), Input("email"), Input("team_id"), *_POLICY),
        nothing={"name": "", "email": ""},
        kept=frozenset(("id",)),
    ),
}


def _kind(view: View, section: str) -> editing.Kind:
    """The form as this person may fill it in: `email` is a field for whom the API lets set it."""
    kind = KINDS[section]
    if view.actor is not None and may_say_who(view.actor.scope):
        return kind
    return msgspec.structs.replace(
        kind, fields=tuple(field for field in kind.fields if field.path != "email")
    )


async def show_new(view: View, section: str = "users") -> Response:
    """The empty form."""
    return await _page(view, section, editing.Form(editing.shown(view, _kind(view, section), {})))


async def create(view: View, form: dict[str, str], section: str = "users") -> Response:
    """Made, and on to it."""
    made, again = await editing.created(view, _kind(view, section), f"/internal/{section}", form)
    if again is not None:
        return await _page(view, section, again)
    return view.redirect(view.link(_address(section, made["id"]), done="saved"))


async def show(view: View, section: str, name: str) -> Response:
    """The form as it is now."""
    answer = await view.api.ask("GET", _path(section, name))
    form = editing.opened(view, _kind(view, section), answer.body, answer.etag)
    return await _page(view, section, form, answer.body)


async def save(view: View, form: dict[str, str], section: str, name: str) -> Response:
    """Changed, and on to it; or the form again."""
    again = await editing.saved(view, _kind(view, section), _path(section, name), form)
    if again is None:
        return view.redirect(view.link(_address(section, name), done="saved"))
    return await _page(view, section, again, await view.api.get(_path(section, name)))


async def ask_delete(view: View, section: str, name: str) -> Response:
    """What deleting does, to be confirmed."""
    return await _confirm(view, section, name, "")


async def delete(view: View, form: dict[str, str], section: str, name: str) -> Response:
    """Deleted; who is in use says by whom."""
    del form
    try:
        await view.api.ask("DELETE", _path(section, name))
    except Problem as problem:
        if problem.status != 409:
            raise
        return await _confirm(view, section, name, problem.detail)
    return view.redirect(f"/admin/{section}")


async def _confirm(view: View, section: str, name: str, error: str) -> Response:
    """With some of those who hinder it: a team's users and all its keys, a user's active keys."""
    thing = await view.api.get(_path(section, name))
    of_team = section == "teams"
    whose = {"team_id": name} if of_team else {"user_id": thing["id"], "status": "active"}
    keys = await view.api.get("/internal/api-keys", limit=NAMED, **whose)
    users = await view.api.get("/internal/users", limit=NAMED, **whose) if of_team else _NOBODY
    return view.page(
        "tenant_delete.html",
        409 if error else 200,
        section=section,
        thing=thing,
        path=_address(section, thing["id"]),
        keys=keys,
        users=users,
        all_keys=view.link("/admin/keys", **whose),
        error=error,
    )


def _path(section: str, name: str) -> str:
    return f"/internal/{section}/{quote(name, safe='')}"


def _address(section: str, name: str) -> str:
    return f"/admin/{section}/{quote(name, safe='')}"


async def _page(
    view: View, section: str, form: editing.Form, thing: dict[str, Any] | None = None
) -> Response:
    return view.page(
        "tenant_form.html",
        form.status,
        section=section,
        thing=thing,
        path=f"/admin/{section}" if thing is None else _address(section, thing["id"]),
        form=form,
        values=form.values,
        errors=form.errors,
        teams=await names.of_teams(view) if section == "users" else {},
        **fields.CHOICES,
    )
