"""The form of a key. A new one's ends on the one page that shows its secret."""

import secrets
from typing import Any

from starlette.responses import Response

from functions.key_admin.console import editing, fields
from functions.key_admin.console.forms import Input
from functions.key_admin.console.pages import names
from functions.key_admin.console.pages.snippets import snippets
from functions.key_admin.console.view import View

PATH = "/internal/api-keys"
KIND = editing.Kind(
    fields=(
        Input("name"),
        Input("user_id"),
        Input("team_id"),
        Input("tags", "lines"),
        Input("expires_at", "moment"),
        Input("activation.days", "integer"),
        Input("scopes", "choices"),
        Input("models.allow", "lines"),
        Input("models.deny", "lines"),
        *fields.ACCESS,
        *fields.LIMITS,
    ),
    nothing={"name": "", "scopes": [], "tags": [], "models": {}},
    kept=frozenset(("user_id",)),
)


async def show_new(view: View) -> Response:
    """The empty form."""
    given = {"user_id": view.query.get("user_id", ""), "team_id": view.query.get("team_id", "")}
    return await _page(view, editing.Form(editing.shown(view, KIND, given)))


async def create(view: View, form: dict[str, str]) -> Response:
    """Made: its secret, this once. Sent twice, the form makes one key and shows it again."""
    once = form.get("once", "") or secrets.token_urlsafe(18)
    key, again = await editing.created(view, KIND, PATH, form, once)
    return await _page(view, again) if again is not None else made(view, key, "keys.made")


async def show(view: View, key_id: str) -> Response:
    """The form as the key is now."""
    answer = await view.api.ask("GET", f"{PATH}/{key_id}")
    if answer.body["status"] == "revoked":
        return view.redirect(view.link(f"/admin/keys/{key_id}", done="restore_first"))
    form = editing.opened(view, KIND, answer.body, answer.etag)
    return await _page(view, form, answer.body)


async def save(view: View, form: dict[str, str], key_id: str) -> Response:
    """Changed, and on to the key; or the form again."""
    again = await editing.saved(view, KIND, f"{PATH}/{key_id}", form)
    if again is None:
        return view.redirect(view.link(f"/admin/keys/{key_id}", done="saved"))
    return await _page(view, again, await view.api.get(f"{PATH}/{key_id}"))


def made(view: View, key: dict[str, Any], title: str) -> Response:
    """The page with the secret."""
    found = snippets(view, key["key"])
    return view.page("key_made.html", section="keys", key=key, title=title, snippets=found)


async def _page(view: View, form: editing.Form, key: dict[str, Any] | None = None) -> Response:
    return view.page(
        "key_form.html",
        form.status,
        section="keys",
        key=key,
        form=form,
        values=form.values,
        errors=form.errors,
        once=secrets.token_urlsafe(18),
        teams=await names.of_teams(view),
        **fields.CHOICES,
    )
