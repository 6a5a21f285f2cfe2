"""Signing in: by password, by an identity provider, by the master key, as the settings have it."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from common.domain.roles import Actor
from functions.key_admin.bodies import PUBLIC_BODY_BYTES_MAX
from functions.key_admin.console.view import View
from functions.key_admin.identity.pages import (
    SIGN_IN_ERRORS,
    home_of,
    page_actor,
    read_form,
    safe_next,
    sign_in_by_master_key,
    sign_in_by_password,
    ways_to_sign_in,
)
from functions.key_admin.problem import Problem


async def answer(request: Request) -> Response:
    """The form, or what becomes of it; who is signed in already goes on."""
    view = View(request, None)
    if request.method != "POST":
        actor = None if "error" in view.query else await page_actor(request)
        if actor is not None:
            return _onwards(view, actor, view.query.get("next", ""))
        error = SIGN_IN_ERRORS.get(view.query.get("error", ""), "")
        return _form(view, view.query.get("next", ""), error)
    form = await read_form(request, PUBLIC_BODY_BYTES_MAX)
    try:
        if "master_key" in form:
            actor = await sign_in_by_master_key(request, form["master_key"].strip())
        else:
            given = form.get("username", ""), form.get("password", "")
            actor = await sign_in_by_password(request, *given)
    except Problem as problem:
        page = _form(view, form.get("next", ""), problem.detail, problem.status, form)
        for name, value in problem.headers.items():
            page.headers[name] = value
        return page
    return _onwards(view, actor, form.get("next", ""))


def _onwards(view: View, actor: Actor, target: str) -> Response:
    target = safe_next(target)
    return view.redirect(home_of(actor) if target == "/admin" else target)


def _form(
    view: View, target: str, error: str, status: int = 200, form: dict[str, str] | None = None
) -> Response:
    ways = ways_to_sign_in(view.request)
    return view.page(
        "sign_in.html",
        status,
        section="",
        target=safe_next(target),
        error=error,
        ways=ways,
        providers=[
            (one.name, f"{one.url}?{urlencode({'next': target})}") for one in ways.providers
        ],
        username=(form or {}).get("username", ""),
        by_key="master_key" in (form or {}),
    )
