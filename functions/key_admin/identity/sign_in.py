"""Signing in: by password, by the master key, by an API key, by what an identity provider says."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request

from common.caller import presented_key as key_of_caller
from common.domain.claims import ClaimsRefused, checked_email, granted, values_at
from common.domain.forwarded import counted_as
from common.domain.keys import KeyRecord, hash_presented
from common.domain.refusals import Reason, Refused
from common.domain.roles import Role
from common.events.types import LOGIN_FAILURES, LoginFailures
from common.identifiers import new_ulid
from common.identity_settings import OidcProvider
from common.secrets import constant_time_equal
from common.state.commands import RedisUnavailable
from common.store import audit
from common.store import sessions as stored
from common.store.database import Connection
from common.store.sessions import NewSession
from common.telemetry import catalogue, logs
from functions.key_admin.announcing import send_event
from functions.key_admin.authenticate import unauthorized
from functions.key_admin.callers import verified_key
from functions.key_admin.identity import passwords, portal_user, throttle
from functions.key_admin.identity.sessions import (
    Opened,
    mark,
    open_session,
    password_mark,
    provider_mark,
)
from functions.key_admin.models.fields import written_ms
from functions.key_admin.problem import Problem, invalid_field
from functions.key_admin.services import Services

NAME_CHARACTERS_MAX = 200
_WRONG = "The name or the password is wrong."


class ProviderWay(msgspec.Struct, frozen=True):
    """An identity provider to sign in with."""

    id: str
    name: str
    url: str


class Ways(msgspec.Struct, frozen=True):
    """How one may sign in to the pages here."""

    password: bool
    master_key: bool
    api_key: bool
    providers: tuple[ProviderWay, ...]


def ways_of(parts: Services) -> Ways:
    """What the settings allow."""
    identity = parts.settings.identity
    return Ways(
        password=bool(identity.admin_password),
        master_key=identity.master_key_sign_in,
        api_key=True,
        providers=tuple(
            ProviderWay(one.id, one.shown_name, f"/auth/oidc/{one.id}")
            for one in identity.providers
        ),
    )


async def by_password(parts: Services, request: Request, username: str, password: str) -> Opened:
    """The administrator. Raises `Problem` 401, 403, 422 and 429, and `RedisUnavailable`."""
    identity = parts.settings.identity
    if not identity.admin_password:
        raise _off("by name and password", "RELAY_ADMIN_PASSWORD is not set")
    _check_given(username=username, password=password)
    attempt = await throttle.admit(parts, request, f"password:{username.lower()}")
    expected = (identity.admin_username, identity.admin_password)
    if not await passwords.is_right(username, password, expected):
        await _failed(parts, request, attempt, "password", username)
        raise unauthorized(_WRONG)
    await attempt.forgive()
    name = identity.admin_username
    new = NewSession(f"password:{name}", "password", name, Role.ADMIN, password_mark(parts))
    return await _in(parts, request, new)


async def by_master_key(parts: Services, request: Request, key: str) -> Opened:
    """For first use, where the settings leave it on. Raises as `by_password`."""
    if not parts.settings.identity.master_key_sign_in:
        raise _off("with the master key", "RELAY_MASTER_KEY_SIGN_IN is off")
    _check_given(master_key=key)
    attempt = await throttle.admit(parts, request, f"master-key:{_counted_as(request)}")
    if not constant_time_equal(key, parts.settings.master_key):
        await _failed(parts, request, attempt, "master-key", "master-key")
        raise unauthorized("The master key is wrong.")
    await attempt.forgive()
    credential = mark(parts, "master-key", key)
    new = NewSession("master-key", "master-key", "master-key", Role.ADMIN, credential)
    return await _in(parts, request, new)


async def by_api_key(parts: Services, request: Request, key: str) -> Opened:
    """The holder of an API key, who sees that key. Raises as `by_password`."""
    key_hash, record = await checked_key(parts, request, key)
    new = NewSession(
        f"key:{record.id}", "api-key", record.name or record.id, Role.PORTAL, key_hash,
        key_id=record.id,
    )  # fmt: skip
    return await _in(parts, request, new)


async def checked_key(parts: Services, request: Request, key: str) -> tuple[str, KeyRecord]:
    """An API key's hash and record, each attempt counted. Raises as `by_password`.

    One that nobody knows and one that can be none get the same answer.
    """
    _check_given(api_key=key)
    attempt = await throttle.admit(parts, request, f"api-key:{_counted_as(request)}")
    presented = key_of_caller([(b"x-api-key", key.encode("utf-8", "surrogateescape"))])
    try:
        key_hash = hash_presented(presented)
        record = await verified_key(parts, request, key_hash, in_portal=True)
    except Refused as refused:
        if refused.refusal.reason in (Reason.STATE_UNAVAILABLE, Reason.REBUILDING):
            raise RedisUnavailable("Redis has no key table at the moment", sent=False) from None
        await _failed(parts, request, attempt, "api-key", "api-key")
        raise unauthorized(refused.refusal.message) from None
    await attempt.forgive()
    return key_hash, record


async def by_claims(
    parts: Services, request: Request, provider: OidcProvider, claims: Mapping[str, Any]
) -> Opened:
    """Who an identity provider says it is. Raises `ClaimsRefused`, `DatabaseUnavailable`."""
    email = checked_email(claims, provider.allowed_domains)
    found = granted(values_at(claims, provider.role_claim), provider.roles, provider.default_role)
    if found is None:
        raise ClaimsRefused("no_role", f"No role is mapped from the claim {provider.role_claim}.")
    named = email or str(claims.get("name") or claims.get("preferred_username") or claims["sub"])
    user_id = next(iter(values_at(claims, provider.user_claim)), "")
    if provider.user_claim == "email":
        user_id = email
    team_ids: tuple[str, ...] = ()
    async with parts.database.transaction() as connection:
        if found.role is Role.TEAM_ADMIN:
            team_ids = await stored.teams_named(connection, found.teams)
        if found.role is Role.PORTAL:
            user_id, tied = await portal_user.of_claims(
                connection, provider, claims, email, user_id
            )
            if tied is not None:
                await _write_tied(connection, request, _printable(named), user_id, tied)
    if found.role is Role.TEAM_ADMIN and not team_ids:
        raise ClaimsRefused("no_team", f"There is no team {' or '.join(found.teams)}.")
    new = NewSession(
        subject=f"oidc:{provider.id}:{claims['sub']}",
        way="oidc",
        name=_printable(named),
        role=found.role,
        credential=provider_mark(parts, provider.id),
        team_ids=team_ids,
        user_id=user_id[:NAME_CHARACTERS_MAX] or None,
    )
    return await _in(parts, request, new)


def log_refused(request: Request, way: str, reason: str) -> None:
    """A sign-in that came to nothing, for logs and metrics."""
    catalogue.SIGN_INS.increment(way=way, result="refused")
    address = request.scope["relay.address"]
    logs.log("sign_in_refused", level="warning", way=way, reason=reason, address=address)


async def _in(parts: Services, request: Request, new: NewSession) -> Opened:
    opened = await open_session(parts, request, new)
    catalogue.SIGN_INS.increment(way=new.way, result="ok")
    return opened


async def _failed(
    parts: Services, request: Request, attempt: throttle.Attempt, way: str, account: str
) -> None:
    """Once it locks the account, everybody who should is told."""
    log_refused(request, way, "wrong")
    if not attempt.locks:
        return
    address, account = request.scope["relay.address"], _printable(account)
    catalogue.SIGN_INS.increment(way=way, result="locked")
    since_ms = await attempt.since_ms()
    until = written_ms(since_ms + throttle.WINDOW_MS)
    async with parts.database.transaction() as connection:
        await audit.write(
            connection,
            audit_id=request.scope["relay.request_id"],
            actor=f"{way}:{account}" if way == "password" else way,
            action="session.lock",
            subject_kind="session",
            subject_id=account,
            address=address,
            detail={"before": None, "after": {"failures": attempt.failures, "until": until}},
        )
    user = account if way == "password" else ""
    data = LoginFailures(user, address, attempt.failures, written_ms(since_ms), until)
    await send_event(parts, request, LOGIN_FAILURES, user or address, data)


async def _write_tied(
    connection: Connection, request: Request, name: str, user_id: str, after: Mapping[str, Any]
) -> None:
    """A row about who a user is from now on; that of the session has the request's id."""
    await audit.write(
        connection,
        audit_id=new_ulid(),
        actor=f"oidc:{name}",
        action="user.update",
        subject_kind="user",
        subject_id=user_id,
        address=request.scope["relay.address"],
        detail={
            "before": {"subject": None},
            "after": after,
            "request_id": request.scope["relay.request_id"],
        },
    )


def _counted_as(request: Request) -> str:
    return counted_as(request.scope["relay.address"])


def _off(how: str, why: str) -> Problem:
    return Problem(403, "Not allowed", f"Signing in {how} is switched off: {why}.")


def _check_given(**given: str) -> None:
    for name, value in given.items():
        if not value:
            raise invalid_field(name, "is required")


def _printable(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:NAME_CHARACTERS_MAX]
