"""The form of a new key of one's own. It ends on the one page that shows its secret."""

import secrets

from starlette.responses import Response

from functions.key_admin.console import editing, fields
from functions.key_admin.console.forms import Input
from functions.key_admin.console.pages.key_form import made
from functions.key_admin.console.view import View

PATH = "/internal/self/keys"
KIND = editing.Kind(
    fields=(
        Input("name"),
        Input("expires_at", "moment"),
        Input("tags", "lines"),
        Input("models.allow", "lines"),
        *fields.LIMITS,
    ),
    nothing={},
)


async def show_new(view: View) -> Response:
    """The empty form; or why no key can be made."""
    return await _page(view, editing.Form(editing.shown(view, KIND, {})))


async def create(view: View, form: dict[str, str]) -> Response:
    """Made: its secret, this once. Sent twice, the form makes one key and shows it again."""
    once = form.get("once", "") or secrets.token_urlsafe(18)
    key, again = await editing.created(view, KIND, PATH, form, once)
    return await _page(view, again) if again is not None else made(view, key, "keys.made")


async def _page(view: View, form: editing.Form) -> Response:
    return view.page(
        "portal_key_form.html",
        form.status,
        section="home",
        me=await view.api.get("/internal/self"),
        form=form,
        values=form.values,
        errors=form.errors,
        once=secrets.token_urlsafe(18),
        **fields.CHOICES,
    )
