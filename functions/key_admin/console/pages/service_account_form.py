"""The form of a service account. A new one's ends on the one page that shows its token."""

import secrets
from typing import Any, get_args

from starlette.responses import Response

from functions.key_admin.console import checks, editing
from functions.key_admin.console.forms import Input
from functions.key_admin.console.pages import names
from functions.key_admin.console.pages.service_accounts import PATH, made
from functions.key_admin.console.view import View
from functions.key_admin.models.service_accounts import RoleName

KIND = editing.Kind(
    fields=(
        *(Input("name"), Input("role"), Input("team_ids", "choices"), Input("areas", "choices")),
        Input("expires_at", "moment"),
    ),
    nothing={"name": "", "team_ids": [], "areas": []},
)


async def show_new(view: View) -> Response:
    """The empty form."""
    return await _page(view, editing.Form(editing.shown(view, KIND, {"role": "viewer"})))


async def create(view: View, form: dict[str, str]) -> Response:
    """Made: its token, this once. Sent twice, the form makes one and shows it again."""
    once = form.get("once", "") or secrets.token_urlsafe(18)
    account, again = await editing.created(view, KIND, PATH, await _ticked(view, form), once)
    return await _page(view, again) if again is not None else made(view, account)


async def show(view: View, account_id: str) -> Response:
    """The form as the account is now."""
    answer = await view.api.ask("GET", f"{PATH}/{account_id}")
    form = editing.opened(view, KIND, answer.body, answer.etag)
    return await _page(view, form, answer.body)


async def save(view: View, form: dict[str, str], account_id: str) -> Response:
    """Changed, and on to it; or the form again."""
    path = f"{PATH}/{account_id}"
    account = await view.api.get(path)
    again = await editing.saved(view, KIND, path, await _ticked(view, form, account))
    if again is None:
        return view.redirect(f"/admin/service-accounts/{account_id}?done=saved")
    return await _page(view, again, await view.api.get(path))


async def _ticked(
    view: View, form: dict[str, str], account: dict[str, Any] | None = None
) -> dict[str, str]:
    areas, teams = await _choices(view, account)
    return checks.ticked(checks.ticked(form, "areas", areas), "team_ids", teams)


async def _choices(view: View, account: dict[str, Any] | None) -> tuple[list[str], dict[str, str]]:
    """Areas, and teams by their ids. What the account has is among them whatever the lists have.

    Else it would lose that with any change, and one without areas is bound to none.
    """
    found = await view.gather(areas=view.api.get("/internal/areas"), teams=names.of_teams(view))
    own: dict[str, list[str]] = account or {"areas": [], "team_ids": []}
    areas = list(dict.fromkeys((*found["areas"]["items"], *own["areas"])))
    return areas, {one: one for one in own["team_ids"]} | found["teams"]


async def _page(view: View, form: editing.Form, account: dict[str, Any] | None = None) -> Response:
    areas, teams = await _choices(view, account)
    return view.page(
        "service_account_form.html",
        form.status,
        section="service_accounts",
        account=account,
        form=form,
        values=form.values,
        errors=form.errors,
        roles=get_args(RoleName),
        areas=areas,
        areas_chosen=checks.lines(form.values["areas"]),
        teams=teams,
        teams_chosen=checks.lines(form.values["team_ids"]),
        once=secrets.token_urlsafe(18),
    )
