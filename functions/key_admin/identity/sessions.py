"""Sessions: opened by a sign-in, proved by tokens, refreshed, and ended before their time."""

import hmac
from collections.abc import Callable
from datetime import timedelta

import msgspec
from starlette.requests import Request

from common.domain.roles import Actor
from common.identifiers import new_ulid
from common.state.commands import RedisUnavailable
from common.store import audit, sessions
from common.store.database import Connection
from common.store.sessions import NewSession, Session
from common.telemetry import logs
from functions.key_admin.authenticate import unauthorized
from functions.key_admin.callers import verified_key
from functions.key_admin.identity import cookies
from functions.key_admin.identity.tokens import Claims, TokenExpired, TokenInvalid
from functions.key_admin.services import Services

# Two calls of one page may bring the same refresh token at once; the second one is answered as the
# first, and only later it counts as stolen.
LEEWAY = timedelta(seconds=10)
CLIENT_CHARACTERS_MAX = 200
OVER = "The session is over: sign in again."


class Opened(msgspec.Struct, frozen=True):
    """A session with fresh tokens; the access token ends after `expires_in` seconds."""

    session: Session
    access_token: str
    refresh_token: str
    expires_in: int


async def open_session(parts: Services, request: Request, new: NewSession) -> Opened:
    """Write a session and its audit row. Raises `DatabaseUnavailable`."""
    async with parts.database.transaction() as connection:
        session = await sessions.open_session(
            connection,
            new_ulid(),
            new,
            seconds=parts.settings.identity.session_s,
            address=request.scope["relay.address"],
            client=_printable(request.headers.get("user-agent", "")),
        )
        shown = {"way": session.way, "role": session.role.value, "subject": session.subject}
        await write_audit(connection, request, session, "session.open", after=shown)
    return _opened(parts, session, session.generation)


async def refresh(parts: Services, request: Request, token: str) -> Opened:
    """Fresh tokens for a refresh token. Raises `Problem` 401.

    One that was replaced comes from somebody who should not have it, or from its owner after a
    thief: the session ends for both.
    """
    try:
        claims = parts.tokens.read("refresh", token)
    except (TokenExpired, TokenInvalid):
        raise unauthorized(OVER) from None
    async with parts.database.transaction() as connection:
        rotated = await sessions.rotate(connection, claims.session_id, claims.generation)
        session = await sessions.find(connection, claims.session_id)
        right = session is not None and (rotated or _at_the_same_time(session, claims))
        if session is not None and not right:
            await sessions.end(connection, session.id, "reused")
            await write_audit(connection, request, session, "session.reuse")
    if session is None or not right:
        logs.log("session_refused", level="warning", session_id=claims.session_id)
        raise unauthorized(OVER)
    if not await holds(parts, request, session):
        raise unauthorized(OVER)
    return _opened(parts, session, session.generation)


async def live(parts: Services, request: Request, access_token: str) -> Session | None:
    """The session of an access token; None when it is over.

    Raises `TokenExpired`, `TokenInvalid`.
    """
    claims = parts.tokens.read("access", access_token)
    async with parts.database.transaction() as connection:
        session = await sessions.find(connection, claims.session_id)
    if session is None or not await holds(parts, request, session):
        return None
    return session


async def holds(parts: Services, request: Request, session: Session) -> bool:
    """Whether what it was opened with is still right. Raises what means that a store is away."""
    identity = parts.settings.identity
    match session.way:
        case "password":
            expected = password_mark(parts)
        case "master-key" if identity.master_key_sign_in:
            expected = mark(parts, "master-key", parts.settings.master_key)
        case "oidc":
            known = [provider_mark(parts, one.id) for one in identity.providers]
            return session.credential in known
        case "api-key":
            return await _key_holds(parts, request, session)
        case _:
            return False
    return hmac.compare_digest(session.credential, expected)


def mark(parts: Services, *of: str) -> str:
    """What stands for a credential in a session; of no use without our secret."""
    text = "\0".join(of).encode("utf-8", "surrogateescape")
    return hmac.new(parts.credentials_key, text, "sha256").hexdigest()


def password_mark(parts: Services) -> str:
    """Of the administrator's password as the settings have it."""
    identity = parts.settings.identity
    return mark(parts, "password", identity.admin_username, identity.admin_password)


def provider_mark(parts: Services, provider_id: str) -> str:
    """Of an identity provider as the settings have it; "" for one that they do not have."""
    for one in parts.settings.identity.providers:
        if one.id == provider_id:
            # And of whom it lets in as what: who is taken out there is out.
            rules = msgspec.structs.replace(one, name="", client_secret="", scopes="")
            return mark(parts, "oidc", msgspec.json.encode(rules).decode())
    return ""


def actor_of(parts: Services, session: Session) -> Actor:
    """Whose session it is."""
    return Actor(
        name=session.name,
        way=session.way,
        role=session.role,
        subject=session.subject,
        team_ids=session.team_ids,
        user_id=session.user_id,
        key_id=session.key_id,
        session_id=session.id,
        csrf_token=cookies.csrf_token(parts, session.id),
    )


def put_cookies(parts: Services, request: Request, opened: Opened) -> None:
    """Set both tokens as cookies with the answer."""
    cookies.put(parts, request, cookies.SESSION, opened.access_token, opened.expires_in)
    cookies.put(parts, request, cookies.REFRESH, opened.refresh_token, _left_s(opened.session))


async def write_audit(
    connection: Connection,
    request: Request,
    session: Session,
    action: str,
    *,
    after: dict[str, str] | None = None,
) -> None:
    """A row about a session, by whom it belongs to."""
    actor = Actor(session.name, session.way, session.role, session.subject)
    await audit.write(
        connection,
        audit_id=request.scope["relay.request_id"],
        actor=actor.label,
        via=session.id,
        action=action,
        subject_kind="session",
        subject_id=session.id,
        address=request.scope["relay.address"],
        detail={"before": None, "after": after},
    )


def _opened(parts: Services, session: Session, generation: int) -> Opened:
    left_s = _left_s(session)
    seconds = min(parts.settings.identity.access_token_s, left_s)
    make: Callable[..., str] = parts.tokens.make
    return Opened(
        session,
        make("access", session.id, generation, seconds),
        make("refresh", session.id, generation, left_s),
        seconds,
    )


def _left_s(session: Session) -> int:
    return max(int((session.ends_at - session.read_at).total_seconds()), 1)


def _at_the_same_time(session: Session, claims: Claims) -> bool:
    return (
        session.generation == claims.generation + 1
        and session.read_at - session.refreshed_at <= LEEWAY
    )


async def _key_holds(parts: Services, request: Request, session: Session) -> bool:
    from common.domain.refusals import Reason, Refused

    try:
        record = await verified_key(parts, request, session.credential, in_portal=True)
    except Refused as refused:
        if refused.refusal.reason in (Reason.STATE_UNAVAILABLE, Reason.REBUILDING):
            raise RedisUnavailable("Redis has no key table at the moment", sent=False) from None
        return False
    return record.id == session.key_id


def _printable(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:CLIENT_CHARACTERS_MAX]
