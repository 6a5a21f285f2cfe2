"""What is done with a key at once: rotated, revoked, restored, unbound; asked for, then done."""

import secrets

from starlette.responses import Response

from functions.key_admin.console.forms import figure
from functions.key_admin.console.pages.key_form import made
from functions.key_admin.console.view import ADMIN, View
from functions.key_admin.problem import Problem

GRACES_S = (0, 3600, 24 * 3600, 7 * 24 * 3600)
GRACE_DEFAULT_S = 24 * 3600
UNBOUND = {"team_id": None, "account_id": None, "group_id": None}


async def show(view: View, key_id: str, act: str) -> Response:
    """What it does, to be confirmed."""
    key = await view.api.get(_path(view, key_id))
    stale = act == "rotate" and key["status"] == "revoked"
    return _confirm(view, key, act, refused=view.words("key.restore_first") if stale else "")


async def submit(view: View, form: dict[str, str], key_id: str, act: str) -> Response:
    """Done."""
    path = _path(view, key_id)
    try:
        if act == "rotate":
            body = {"grace_s": figure(form.get("grace_s", ""))}
            once = form.get("once", "") or secrets.token_urlsafe(18)
            answer = await view.api.ask("POST", f"{path}/rotate", body=body, once=once)
            return made(view, answer.body, "keys.rotated")
        if act == "unbind":
            await view.api.ask("PATCH", path, body=UNBOUND)
        else:
            await view.api.ask("POST", f"{path}/{act}")
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        key = await view.api.get(path)
        error = problem.errors[0].message if problem.errors and act == "rotate" else ""
        return _confirm(view, key, act, error, "" if error else problem.detail)
    return view.redirect(view.link(f"{view.home}/keys/{key_id}", done=act))


def _path(view: View, key_id: str) -> str:
    """The key, as whoever looks at it may: any in the console, one's own in the portal."""
    return f"{'/internal/api-keys' if view.home == ADMIN else '/internal/self/keys'}/{key_id}"


def _confirm(
    view: View, key: dict[str, object], act: str, error: str = "", refused: str = ""
) -> Response:
    return view.page(
        "key_confirm.html",
        422 if error else 409 if refused else 200,
        section="keys",
        key=key,
        act=act,
        error=error,
        refused=refused,
        graces=GRACES_S,
        grace=GRACE_DEFAULT_S,
        once=secrets.token_urlsafe(18),
    )
