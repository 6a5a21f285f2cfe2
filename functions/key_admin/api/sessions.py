"""`/internal/session`: signing in, who calls, signing out; `/internal/sessions`: all of them."""

from typing import Any

from starlette.responses import Response

from common.domain.roles import ADMINISTER, PUBLIC, SIGNED_IN
from common.store import sessions as stored
from common.store.sessions import Session
from functions.key_admin.bodies import PUBLIC_BODY_BYTES_MAX, check_id
from functions.key_admin.identity import cookies, sessions, sign_in
from functions.key_admin.identity.sessions import Opened
from functions.key_admin.models.sessions import (
    ActorAnswer,
    Refresh,
    SessionAnswer,
    SessionList,
    SessionPage,
    SessionsEnded,
    SessionShown,
    SignIn,
    TokensAnswer,
)
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import Problem, conflict, not_found

PATH = "/internal/session"
ALL = "/internal/sessions"
_AREA = "sessions"
_NOT_KEPT = {"cache-control": "no-store"}


async def open_one(call: Call) -> Response:
    """201 with tokens; 401 for what is wrong, 429 after too many of those."""
    given = call.sent(SignIn)
    cookies.check_origin(call.services, call.request)
    parts, request = call.services, call.request
    if given.master_key is not None:
        opened = await sign_in.by_master_key(parts, request, given.master_key)
    elif given.api_key is not None:
        opened = await sign_in.by_api_key(parts, request, given.api_key)
    else:
        name, password = given.username or "", given.password or ""
        opened = await sign_in.by_password(parts, request, name, password)
    return _tokens(opened, 201)


async def refresh(call: Call) -> Response:
    """Fresh tokens. A refresh token that was replaced ends the session: two have it."""
    given = call.sent(Refresh)
    return _tokens(await sessions.refresh(call.services, call.request, given.refresh_token), 200)


async def show(call: Call) -> Response:
    """Who calls, by whatever means."""
    actor = call.actor
    by_cookie = actor.session_id is not None and "authorization" not in call.request.headers
    answer = ActorAnswer(
        name=actor.name,
        way=actor.way,
        role=actor.role.value,
        team_ids=sorted(actor.team_ids),
        user_id=actor.user_id,
        key_id=actor.key_id,
        areas=sorted(actor.areas),
        session_id=actor.session_id,
        csrf_token=actor.csrf_token if by_cookie else None,
    )
    return answered(answer, headers=_NOT_KEPT)


async def close(call: Call) -> Response:
    """204: the session of this call is over. 409 where no session says who calls."""
    session_id = call.actor.session_id
    if session_id is None:
        raise conflict("No session says who calls, but a key or a token of its own.")
    async with call.services.database.transaction() as connection:
        await stored.end(connection, session_id, "signed-out")
        await call.audit(connection, "session.close", session_id)
    cookies.take_all(call.services, call.request)
    return Response(status_code=204)


async def list_sessions(call: Call) -> Response:
    """A page of those that have not ended, newest first: your own, for an admin anybody's."""
    query = call.sent(SessionPage)
    subject = None if query.all else query.subject or call.actor.subject
    _check_subject(call, subject)
    async with call.services.database.transaction() as connection:
        found = await stored.page(
            connection, subject=subject, before=query.cursor, limit=query.limit + 1
        )
    page = found[: query.limit]
    more = page[-1].id if len(found) > query.limit else None
    current = call.actor.session_id
    items = [SessionShown(**_members(one, current), subject=one.subject) for one in page]
    return answered(SessionList(items=items, next_cursor=more))


async def end_one(call: Call) -> Response:
    """204: it is over on the next call. Your own, for an admin anybody's."""
    session_id = check_id(call.path["session_id"], "session")
    async with call.services.database.transaction() as connection:
        session = await stored.find(connection, session_id)
        own = session is not None and session.subject == call.actor.subject
        if session is None or not (own or _sees_others(call)):
            raise not_found(f"There is no session with the id {session_id}.")
        await stored.end(connection, session_id, "revoked")
        before = {"subject": session.subject, "name": session.name}
        await call.audit(connection, "session.revoke", session_id, before=before)
    return Response(status_code=204)


async def end_all(call: Call) -> Response:
    """204: all sessions of yours are over, this one too; for an admin those of a `subject`."""
    subject = call.sent(SessionsEnded).subject or call.actor.subject
    _check_subject(call, subject)
    async with call.services.database.transaction() as connection:
        ended = await stored.end_all_of(connection, subject, "revoked")
        await call.audit(connection, "session.revoke-all", subject, after={"ended": ended})
    if subject == call.actor.subject:
        cookies.take_all(call.services, call.request)
    return Response(status_code=204)


def _check_subject(call: Call, subject: str | None) -> None:
    if subject != call.actor.subject and not _sees_others(call):
        raise Problem(403, "Not allowed", "Sessions of others are for admin.")


def _sees_others(call: Call) -> bool:
    """An admin; not one whose token is bound to other areas."""
    return ADMINISTER.admits(call.actor, _AREA)


def _tokens(opened: Opened, status: int) -> Response:
    answer = TokensAnswer(
        access_token=opened.access_token,
        expires_in=opened.expires_in,
        refresh_token=opened.refresh_token,
        session=SessionAnswer(**_members(opened.session, opened.session.id)),
    )
    return answered(answer, status, _NOT_KEPT)


def _members(session: Session, current: str | None) -> dict[str, Any]:
    return {
        "id": session.id,
        "name": session.name,
        "way": session.way,
        "role": session.role.value,
        "team_ids": sorted(session.team_ids),
        "address": session.address,
        "client": session.client,
        "created_at": session.created_at,
        "refreshed_at": session.refreshed_at,
        "ends_at": session.ends_at,
        "current": session.id == current,
    }


OPERATIONS = (
    Operation("POST", PATH, open_one, "Sign in", "Sessions", may=PUBLIC,
              status=201, answer=TokensAnswer, body=SignIn, body_bytes_max=PUBLIC_BODY_BYTES_MAX,
              refusals=(403,)),
    Operation("POST", f"{PATH}/refresh", refresh, "Get fresh tokens", "Sessions", may=PUBLIC,
              answer=TokensAnswer, body=Refresh, body_bytes_max=PUBLIC_BODY_BYTES_MAX),
    Operation("GET", PATH, show, "Show who calls", "Sessions", may=SIGNED_IN, answer=ActorAnswer),
    Operation("DELETE", PATH, close, "Sign out", "Sessions", may=SIGNED_IN,
              status=204, refusals=(409,)),
    Operation("GET", ALL, list_sessions, "List sessions", "Sessions", may=SIGNED_IN,
              answer=SessionList, query=SessionPage),
    Operation("DELETE", ALL, end_all, "Sign out everywhere", "Sessions", may=SIGNED_IN,
              status=204, query=SessionsEnded),
    Operation("DELETE", f"{ALL}/{{session_id}}", end_one, "End a session", "Sessions",
              may=SIGNED_IN, status=204, refusals=(404,)),
)  # fmt: skip
