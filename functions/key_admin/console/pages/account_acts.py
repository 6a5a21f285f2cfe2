"""What is done with an account at once: switching, draining, deleting (asked for first)."""

from typing import Any

from starlette.responses import Response

from functions.key_admin.console.pages import overview
from functions.key_admin.console.ranges import read
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

PATH = "/internal/accounts"
STATES = {
    "enable": {"enabled": True},
    "disable": {"enabled": False},
    "drain": {"schedulable": False},
    "undrain": {"schedulable": True},
}


async def show(view: View, account_id: str, act: str) -> Response:
    """Nothing is asked: the account's page has the buttons."""
    del act
    return view.redirect(f"/admin/accounts/{account_id}")


async def submit(view: View, form: dict[str, str], account_id: str, act: str) -> Response:
    """It is as it was asked to be, whatever it was before."""
    del form
    await view.api.ask("PATCH", f"{PATH}/{account_id}", body=STATES[act])
    return view.redirect(view.link(f"/admin/accounts/{account_id}", done=act))


async def ask_delete(view: View, account_id: str) -> Response:
    """What deleting does, and to whom, to be confirmed."""
    return await _confirm(view, account_id, "")


async def delete(view: View, form: dict[str, str], account_id: str) -> Response:
    """Deleted; who is in use says by whom."""
    del form
    try:
        await view.api.ask("DELETE", f"{PATH}/{account_id}")
    except Problem as problem:
        if problem.status != 409:
            raise
        return await _confirm(view, account_id, problem.detail)
    return view.redirect(view.link("/admin/accounts", done="deleted"))


async def _confirm(view: View, account_id: str, error: str) -> Response:
    week = read("7d", "", "", view.now, view.zone)
    span = overview.bounds(week.since, week.until) | {"tz": view.zone_name}
    found: dict[str, Any] = await view.gather(
        account=view.api.get(f"{PATH}/{account_id}"),
        users=view.api.get(f"{PATH}/{account_id}/users"),
        usage=view.api.get("/internal/usage", account_id=account_id, **span),
    )
    users = found["users"]["items"]
    return view.page(
        "account_delete.html",
        409 if error else 200,
        section="accounts",
        account=found["account"],
        users=users,
        in_use=any(not one["revoked"] for one in users),
        requests=found["usage"]["total"]["requests"],
        error=error,
    )
