"""`/auth/*`: to an identity provider and back, and signing out. For browsers; no JSON."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from common.store import sessions as stored
from functions.key_admin.bodies import PUBLIC_BODY_BYTES_MAX
from functions.key_admin.identity import cookies, oidc, sessions
from functions.key_admin.identity.pages import (
    home_of,
    login_of,
    page_actor,
    read_form,
    safe_next,
)
from functions.key_admin.services import services

_NOT_KEPT = {"cache-control": "no-store", "referrer-policy": "no-referrer"}


async def to_provider(request: Request) -> Response:
    """303 to the provider's login."""
    wanted = request.query_params.get("next")
    next_path = safe_next(wanted) if wanted else ""
    provider_id = request.path_params["provider_id"]
    try:
        return _to(await oidc.begin(services(), request, provider_id, next_path))
    except oidc.SignInFailed as failed:
        return _to(f"{login_of(next_path)}?error={failed.code}")


async def from_provider(request: Request) -> Response:
    """303 to the page that was wanted, signed in; or to the login page, which says why not."""
    parts = services()
    wanted = oidc.wanted(parts, request)
    try:
        opened, next_path = await oidc.finish(parts, request, request.path_params["provider_id"])
    except oidc.SignInFailed as failed:
        return _to(f"{login_of(wanted)}?error={failed.code}")
    sessions.put_cookies(parts, request, opened)
    return _to(next_path or home_of(sessions.actor_of(parts, opened.session)))


async def sign_out(request: Request) -> Response:
    """303 to the login page; the session is over."""
    return await _ended(request, everywhere=False)


async def sign_out_everywhere(request: Request) -> Response:
    """303 to the login page; all sessions of this person are over."""
    return await _ended(request, everywhere=True)


async def _ended(request: Request, *, everywhere: bool) -> Response:
    form = await read_form(request, PUBLIC_BODY_BYTES_MAX)
    try:
        actor = await page_actor(request, csrf_token=form.get("csrf_token", ""))
    except cookies.StaleForm as stale:
        # Of a tab from before somebody signed in anew: that session ends by a page of its own.
        return _to(home_of(stale.actor))
    home = "" if actor is None else home_of(actor)
    if actor is not None and actor.session_id is not None:
        async with services().database.transaction() as connection:
            session = await stored.find(connection, actor.session_id)
            if everywhere:
                await stored.end_all_of(connection, actor.subject, "revoked")
            else:
                await stored.end(connection, actor.session_id, "signed-out")
            if session is not None:
                action = "session.revoke-all" if everywhere else "session.close"
                await sessions.write_audit(connection, request, session, action)
    cookies.take_all(services(), request)
    return _to(login_of(home))


def _to(address: str) -> Response:
    return RedirectResponse(address, 303, headers=_NOT_KEPT)


ROUTES = [
    Route("/auth/oidc/{provider_id}", to_provider, methods=["GET"]),
    Route("/auth/oidc/{provider_id}/callback", from_provider, methods=["GET"]),
    Route("/auth/logout", sign_out, methods=["POST"]),
    Route("/auth/logout-everywhere", sign_out_everywhere, methods=["POST"]),
]
