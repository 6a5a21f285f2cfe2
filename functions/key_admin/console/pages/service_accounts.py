"""Service accounts: which there are, what one may, another token, revoking."""

import secrets
from typing import Any

from starlette.responses import Response

from functions.key_admin.console.forms import figure
from functions.key_admin.console.pages import names
from functions.key_admin.console.pages.key_acts import GRACE_DEFAULT_S, GRACES_S
from functions.key_admin.console.pages.snippets import origin
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

PATH = "/internal/service-accounts"
ROWS = 50


async def show(view: View) -> Response:
    """A page, newest first, revoked ones too."""
    page = await view.api.get(PATH, limit=ROWS, cursor=view.query.get("cursor"))
    return view.page(
        "service_accounts.html",
        section="service_accounts",
        accounts=page["items"],
        next_cursor=page["next_cursor"],
        done=view.query.get("done", ""),
    )


async def show_one(view: View, account_id: str) -> Response:
    """One without its token."""
    account = await view.api.get(f"{PATH}/{account_id}")
    return view.page(
        "service_account.html",
        section="service_accounts",
        account=account,
        teams=await names.of_teams(view) if account["team_ids"] else {},
        done=view.query.get("done", ""),
    )


async def ask(view: View, account_id: str, act: str) -> Response:
    """What it does, to be confirmed."""
    return _confirm(view, await view.api.get(f"{PATH}/{account_id}"), act)


async def submit(view: View, form: dict[str, str], account_id: str, act: str) -> Response:
    """Another token, shown this once; or no token from the next call on."""
    path = f"{PATH}/{account_id}"
    if act == "revoke":
        await view.api.ask("DELETE", path)
        return view.redirect(f"/admin/service-accounts/{account_id}?done=revoke")
    body = {"grace_s": figure(form.get("grace_s", ""))}
    once = form.get("once", "") or secrets.token_urlsafe(18)
    try:
        answer = await view.api.ask("POST", f"{path}/rotate", body=body, once=once)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        error = problem.errors[0].message if problem.errors else problem.detail
        return _confirm(view, await view.api.get(path), act, error)
    return made(view, answer.body)


def made(view: View, account: dict[str, Any]) -> Response:
    """The page with the token."""
    return view.page(
        "service_account_made.html",
        section="service_accounts",
        account=account,
        address=origin(view),
    )


def _confirm(view: View, account: dict[str, Any], act: str, error: str = "") -> Response:
    return view.page(
        "service_account_confirm.html",
        422 if error else 200,
        section="service_accounts",
        account=account,
        act=act,
        error=error,
        graces=GRACES_S,
        grace=GRACE_DEFAULT_S,
        once=secrets.token_urlsafe(18),
    )
