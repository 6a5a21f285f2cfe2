"""What holders of an API key are answered here: authenticated as `relay` does, in their dialect."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from common.caller import presented_key
from common.dialects import DIALECTS
from common.domain.access import Asked
from common.domain.access_refusals import check_address, check_rules
from common.domain.admission import KeyRefused, KeyUnknown, Stale
from common.domain.keys import (
    KeyRecord,
    check_unknown,
    hash_presented,
    policies_of,
    unknown_key,
)
from common.domain.policies import Applied
from common.domain.refusals import Reason, Refusal, Refused
from common.projection import project_key
from common.state.admission import Admission
from common.state.commands import RedisUnavailable
from common.store.database import DatabaseUnavailable
from functions.key_admin.problem import RETRY_AFTER_S, Problem
from functions.key_admin.services import Services, services

PATH = "/v1/usage"
# A key that Redis does not know, a projection that is not there.
ROUNDS_MAX = 3
RETRY_MS = RETRY_AFTER_S * 1000

_key_decoder = msgspec.json.Decoder(KeyRecord)
Handler = Callable[[Services, Request, KeyRecord], Awaitable[Response]]


def own(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """The handler for a caller whose key is verified; every refusal in the caller's dialect."""

    async def serve(request: Request) -> Response:
        parts = services()
        try:
            return await handler(parts, request, await _authenticated(parts, request))
        except Refused as refused:
            return in_dialect(request, refused.refusal)
        except Problem as problem:
            return of_callers(request, problem)
        except DatabaseUnavailable:
            message = "Relay cannot read its ledger at the moment; try again."
            refusal = Refusal(Reason.STORE_UNAVAILABLE, message, retry_after_ms=RETRY_MS)
            return in_dialect(request, refusal)
        except RedisUnavailable:
            message = "Relay cannot reach its state store at the moment; try again."
            refusal = Refusal(Reason.STATE_UNAVAILABLE, message, retry_after_ms=RETRY_MS)
            return in_dialect(request, refusal)

    return serve


def in_dialect(request: Request, refusal: Refusal) -> Response:
    """The refusal as the caller's SDK parses it; Anthropic's clients name themselves."""
    status, headers, body = DIALECTS[_dialect(request)].error_response(
        refusal, request.scope["relay.request_id"]
    )
    return Response(
        body, status, headers={name.decode(): value.decode() for name, value in headers}
    )


def is_of_callers(request: Request) -> bool:
    """Whether the path is theirs, and not the administrator's."""
    path = request.url.path
    return path == PATH or path.startswith(f"{PATH}/")


def of_callers(request: Request, problem: Problem) -> Response:
    """A problem of theirs, in their dialect."""
    return in_dialect(request, _of_problem(problem))


async def _authenticated(parts: Services, request: Request) -> KeyRecord:
    """The record of the key that is presented. Raises `Refused`."""
    secret = presented_key(request.scope["headers"])
    if not secret:
        message = "No API key was given. Send yours as `Authorization: Bearer <key>`."
        raise Refused(Refusal(Reason.MISSING_KEY, message))
    return await verified_key(parts, request, hash_presented(secret))


async def verified_key(
    parts: Services, request: Request, key_hash: str, *, in_portal: bool = False
) -> KeyRecord:
    """The record of the key with this hash, while it is active. Raises `Refused`.

    In the portal only the rule of addresses holds: a browser is none of the clients of a rule, and
    speaks no dialect.
    """
    prefix = parts.settings.state_prefix
    admission = Admission(parts.redis, prefix)
    for _ in range(ROUNDS_MAX):
        answer = await admission.verify(key_hash, address=request.scope["relay.address"])
        if isinstance(answer, Stale):
            record = _key_decoder.decode(answer.key_record)
            applied = policies_of(record, answer.policies)
            if in_portal:
                check_address(applied, request.scope["relay.address"])
            else:
                _check_access(request, applied)
            return record
        if isinstance(answer, KeyRefused):
            expired = answer.status == "expired"
            reason = Reason.EXPIRED_KEY if expired else Reason.REVOKED_KEY
            verb = "expired" if expired else "been revoked"
            raise Refused(Refusal(reason, f"This API key has {verb}."))
        if isinstance(answer, KeyUnknown):
            check_unknown(answer.failures)
            if not await project_key(parts.database, parts.redis, prefix, key_hash):
                raise Refused(unknown_key())
        else:
            await parts.bring_projection_up_to_date()
    message = "Relay is rebuilding its key table; try again in a moment."
    raise Refused(Refusal(Reason.REBUILDING, message, retry_after_ms=RETRY_MS))


def _check_access(request: Request, applied: tuple[Applied, ...]) -> None:
    """As `relay` for what needs no scope: address, client and dialect. Raises `Refused`."""
    agent, address = request.headers.get("user-agent", ""), request.scope["relay.address"]
    check_rules(applied, Asked(None, _dialect(request), agent, address))


def _dialect(request: Request) -> str:
    return "anthropic" if "anthropic-version" in request.headers else "openai"


def _of_problem(problem: Problem) -> Refusal:
    reasons = {
        404: Reason.UNKNOWN_ROUTE,
        405: Reason.METHOD_NOT_ALLOWED,
        500: Reason.INTERNAL,
    }
    field = problem.errors[0].field if problem.errors else None
    words = "; ".join(f"{one.field}: {one.message}" for one in problem.errors) or problem.detail
    return Refusal(
        reasons.get(problem.status, Reason.INVALID_REQUEST),
        words,
        field=field,
        allow=problem.headers.get("allow"),
    )
