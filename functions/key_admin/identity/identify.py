"""Who calls: by a bearer token (master key, service account, session) or by a session's cookies."""

import hashlib

from starlette.requests import Request

from common.domain.roles import Actor, Role, Rule
from common.store import service_accounts
from functions.key_admin.authenticate import (
    check_master_key,
    presented_key,
    refuse_guessers,
    refuse_token,
    unauthorized,
)
from functions.key_admin.identity import cookies, sessions
from functions.key_admin.identity.tokens import TokenExpired, TokenInvalid
from functions.key_admin.problem import Problem
from functions.key_admin.services import Services

# What tokens of service accounts begin with, so that scanners of secrets know one.
SERVICE_TOKEN_PREFIX = "rsa_"  # noqa: S105 - a prefix
MASTER_KEY_ACTOR = Actor("master-key", "master-key", Role.ADMIN, "master-key")


async def identify(parts: Services, request: Request) -> Actor:
    """Who calls. Raises `Problem` 401, 403 and 429."""
    given = presented_key(request)
    if given:
        return await _by_bearer(parts, request, given)
    actor = await by_cookies(parts, request)
    if actor is not None:
        return actor
    await refuse_guessers(parts, request)
    raise unauthorized(
        "Nothing says who calls. Send the master key, or the token of a session or of a service "
        "account, as `Authorization: Bearer <it>`."
    )


async def by_cookies(
    parts: Services, request: Request, csrf_token: str | None = None
) -> Actor | None:
    """Who has the browser's session; None without one. Raises `Problem` 403 and `StaleForm`.

    An access token that has ended is replaced on the way, with the answer's cookies. `csrf_token`
    is what a form carries, else the header's counts.
    """
    access = cookies.read(parts, request, cookies.SESSION)
    kept = cookies.read(parts, request, cookies.REFRESH)
    session = None
    try:
        session = await sessions.live(parts, request, access) if access else None
    except (TokenExpired, TokenInvalid):
        access = ""
    if session is None and not access and kept:
        try:
            opened = await sessions.refresh(parts, request, kept)
        except Problem:
            pass
        else:
            session = opened.session
            sessions.put_cookies(parts, request, opened)
    if session is None:
        if access or kept:
            cookies.take_all(parts, request)
        return None
    actor = sessions.actor_of(parts, session)
    try:
        cookies.check_csrf(parts, request, session.id, csrf_token)
    except cookies.StaleForm as stale:
        stale.actor = actor
        raise
    return actor


def check_role(actor: Actor, rule: Rule, area: str = "") -> None:
    """Raises `Problem` 403 when the rule does not admit the actor."""
    if rule.admits(actor, area):
        return
    if actor.areas and area not in actor.areas:
        detail = f"This token is bound to {', '.join(sorted(actor.areas))}, and this is {area}."
    else:
        detail = f"You are {actor.role.value}; this is for {rule.words}."
    raise Problem(403, "Not allowed", detail)


def token_hash(token: str) -> str:
    """What is kept of a service account's token: it is random, so a plain hash will do."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


async def _by_bearer(parts: Services, request: Request, given: str) -> Actor:
    if given.startswith(SERVICE_TOKEN_PREFIX):
        return await _service_account(parts, request, given)
    if given.startswith("eyJ") and given.count(".") == 2:
        return await _session(parts, request, given)
    await check_master_key(parts, request, given)
    return MASTER_KEY_ACTOR


async def _service_account(parts: Services, request: Request, given: str) -> Actor:
    # A token is too long to be guessed: whoever else guesses from there shuts nobody out.
    async with parts.database.transaction() as connection:
        known = await service_accounts.presented(connection, token_hash(given))
    if known is None:
        await refuse_guessers(parts, request)
        detail = "The service account's token is wrong, revoked or over: ask for another one."
        raise await refuse_token(parts, request, given, detail)
    return Actor(
        name=known.name,
        way="service-account",
        role=known.role,
        subject=f"service-account:{known.id}",
        team_ids=known.team_ids,
        areas=known.areas,
    )


async def _session(parts: Services, request: Request, given: str) -> Actor:
    try:
        session = await sessions.live(parts, request, given)
    except TokenExpired:
        raise unauthorized(
            "The access token has expired: get another by POST /internal/session/refresh."
        ) from None
    except TokenInvalid:
        await refuse_guessers(parts, request)
        raise await refuse_token(
            parts, request, given, "The access token is none of this installation."
        ) from None
    if session is None:
        raise unauthorized(sessions.OVER)
    return sessions.actor_of(parts, session)
