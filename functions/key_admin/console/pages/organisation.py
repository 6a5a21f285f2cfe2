"""The organisation: what limits all keys together, and the form of it."""

from typing import Any

from starlette.responses import Response

from functions.key_admin.console import editing, fields
from functions.key_admin.console.forms import Input
from functions.key_admin.console.view import View

PATH = "/internal/organisation"
ADDRESS = "/admin/organisation"


def _without_seconds_alone(given: dict[str, Any]) -> dict[str, Any]:
    """Seconds of no choice of what becomes of a stream say nothing."""
    chosen = given.get("client_gone", {})
    kept = {name: value for name, value in given.items() if name != "client_gone"}
    return kept | ({"client_gone": chosen} if chosen.get("policy") else {})


KIND = editing.Kind(
    fields=(
        Input("unpriced_models"),
        Input("client_gone.policy"),
        Input("client_gone.drain_seconds", "integer"),
        *fields.TENANT_ACCESS,
        *fields.LIMITS,
    ),
    nothing={},
    to_body=_without_seconds_alone,
)


async def show(view: View) -> Response:
    """What it says, and what is used of its limits."""
    found = await view.gather(
        organisation=view.api.get(PATH),
        limits=view.api.get("/internal/limits"),
    )
    return view.page(
        "organisation.html",
        section="organisation",
        organisation=found["organisation"],
        levels=[one for one in found["limits"]["items"] if one["level"] == "organisation"],
        may_change=view.api.may("PATCH", PATH),
        done=view.query.get("done", ""),
    )


async def show_form(view: View) -> Response:
    """The form as it is now."""
    answer = await view.api.ask("GET", PATH)
    return _form(view, editing.opened(view, KIND, answer.body, answer.etag))


async def save(view: View, form: dict[str, str]) -> Response:
    """Changed, and on to it; or the form again."""
    again = await editing.saved(view, KIND, PATH, form)
    if again is None:
        return view.redirect(view.link(ADDRESS, done="saved"))
    return _form(view, again)


def _form(view: View, form: editing.Form) -> Response:
    return view.page(
        "organisation_form.html",
        form.status,
        section="organisation",
        form=form,
        values=form.values,
        errors=form.errors,
        **fields.CHOICES,
    )
