"""Opening the portal: by an identity provider, or with an API key."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from functions.key_admin.bodies import PUBLIC_BODY_BYTES_MAX
from functions.key_admin.console.view import PORTAL, View
from functions.key_admin.identity.pages import (
    SIGN_IN_ERRORS,
    read_form,
    safe_next,
    sign_in_by_api_key,
    ways_to_sign_in,
)
from functions.key_admin.problem import Problem


async def answer(request: Request) -> Response:
    """The form, or what becomes of it."""
    view = View(request, None, PORTAL)
    if request.method != "POST":
        error = SIGN_IN_ERRORS.get(view.query.get("error", ""), "")
        return _form(view, view.query.get("next", ""), error)
    form = await read_form(request, PUBLIC_BODY_BYTES_MAX)
    try:
        await sign_in_by_api_key(request, form.get("api_key", "").strip())
    except Problem as problem:
        page = _form(view, form.get("next", ""), problem.detail, problem.status, by_key=True)
        for name, value in problem.headers.items():
            page.headers[name] = value
        return page
    return view.redirect(_target(form.get("next", "")))


def _target(text: str) -> str:
    """A page of the portal to go on to; its first for whatever else was given."""
    target = safe_next(text)
    return target if target.startswith(f"{PORTAL}/") else PORTAL


def _form(
    view: View, target: str, error: str, status: int = 200, *, by_key: bool = False
) -> Response:
    ways = ways_to_sign_in(view.request)
    wanted = _target(target)
    return view.page(
        "portal_sign_in.html",
        status,
        section="",
        target=wanted,
        error=error,
        by_key=by_key,
        providers=[
            (one.name, f"{one.url}?{urlencode({'next': wanted})}") for one in ways.providers
        ],
    )
