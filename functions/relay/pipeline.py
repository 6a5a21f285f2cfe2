"""The whole way of a request: parse, route, admit, forward, settle."""

import asyncio
import contextlib
from typing import Any

from common.caller import caller_address
from common.domain.refusals import Reason, Refusal, Refused
from common.domain.usage import Status
from common.identifiers import new_ulid
from common.state.commands import RedisUnavailable
from common.telemetry import catalogue, logs
from functions.relay import respond, streaming
from functions.relay.caller_body import CallerBody
from functions.relay.open_request import Interruption, OpenRequest
from functions.relay.respond import Send
from functions.relay.services import Services
from functions.relay.stages.admit import admit, authenticate
from functions.relay.stages.forward import Interrupted, forward
from functions.relay.stages.parse import find_route, read_body, read_key
from functions.relay.stages.settle import settle

# How long a caller who does not read may keep a request that is over.
LAST_WORDS_S_MAX = 2.0

# What Relay itself did not let pass of an answer.
_BY_POLICY = (Reason.CONTENT_BLOCKED, Reason.PII_BLOCKED, Reason.GUARDRAIL_UNAVAILABLE)
_INTERRUPTION_REASONS: dict[Interruption, tuple[Reason, str]] = {
    "deadline": (Reason.DEADLINE, "The request took longer than this installation allows"),
    "shutdown": (Reason.SHUTTING_DOWN, "This process of Relay stops; another one takes requests"),
    "caller_silent": (Reason.CALLER_TIMEOUT, "The rest of the request body did not come in time"),
    "idle": (Reason.UPSTREAM_TIMEOUT, "The provider fell silent in the middle of its answer"),
    "first_token": (Reason.UPSTREAM_TIMEOUT, "The provider did not begin its answer in time"),
    "first_byte": (Reason.UPSTREAM_TIMEOUT, "The provider did not answer in time"),
}


async def handle(services: Services, scope: dict[str, Any], receive: Any, send: Send) -> None:
    """Serve one request of the data plane."""
    settings = services.settings
    address = caller_address(scope, settings.edge_token, settings.trusted_proxies)
    request = OpenRequest(new_ulid(), scope, address)
    body = CallerBody(receive)
    try:
        await _serve(services, request, scope, body, send)
    except Refused as refused:
        if refused.refusal.reason in _BY_POLICY:
            await _forget_answer(services, request)
        await _refuse(request, send, refused.refusal)
    except ConnectionResetError:
        request.interruption = "client_gone"
    except streaming.BrokenOff:
        raise  # the server ends the connection with an answer that is not whole
    except asyncio.CancelledError:
        why = request.take_interruption()
        if why is None:
            raise
        await _end_interrupted(request, send, why)
    except Exception as error:  # noqa: BLE001 - the caller gets an answer whatever broke
        logs.log("internal_error", level="error", request_id=request.id, error=repr(error))
        await _refuse(request, send, Refusal(Reason.INTERNAL, "Relay failed; see its log."))
    finally:
        request.task = None
        services.heartbeat.leave(request)
        if (request.admitted or request.admission_unknown) and not request.goes_on:
            settle(services, request, *_outcome(request))
        _report(request)
    await body.drain()


async def _serve(
    services: Services, request: OpenRequest, scope: dict[str, Any], body: CallerBody, send: Send
) -> None:
    endpoint = find_route(request, scope)
    read_key(request)
    if endpoint.kind != "forward":
        await authenticate(services, request)
        await _serve_unmetered(services, request, scope, body, send)
        return
    snapshot = services.snapshots.key(request.key_hash)
    if snapshot is None:
        # Nobody unknown sends a body here. It costs no round trip: `admit` would answer `stale`.
        await authenticate(services, request)
    else:
        request.content = snapshot.content
    await _read_in_time(services, request, body)
    if endpoint.name == "batches":
        from functions.relay.stages.files import load_batch

        await load_batch(services, request)
    if request.content:
        from functions.relay.stages.content import follow_rules

        await follow_rules(services, request, fresh=snapshot is None)
    accounts = await admit(services, request, body)
    services.heartbeat.enter(request)
    services.watches.begin(request, body)
    try:
        if request.cache_wish is None:
            await forward(services, request, accounts, send)
        else:
            from functions.relay.stages.cache import serve

            await serve(services, request, accounts, send)
    except Interrupted as interrupted:
        await _end_interrupted(request, send, interrupted.why)
    finally:
        services.watches.end(request)
        if request.upload is not None:
            request.upload.close()


async def _read_in_time(services: Services, request: OpenRequest, body: CallerBody) -> None:
    """A caller has as long for the body as a provider has for its first byte."""
    services.heartbeat.reading[request.id] = request
    try:
        await read_body(request, body)
    except asyncio.CancelledError:
        if request.take_interruption() != "caller_silent":
            raise
        request.interruption = None
        message = "The request body did not come in time"
        raise Refused(Refusal(Reason.CALLER_TIMEOUT, message)) from None
    finally:
        del services.heartbeat.reading[request.id]


async def _serve_unmetered(
    services: Services, request: OpenRequest, scope: dict[str, Any], body: CallerBody, send: Send
) -> None:
    query = scope["query_string"].decode("latin-1")
    kind = request.endpoint.kind if request.endpoint is not None else "forward"
    if kind == "stored":
        services.watches.begin(request, body)
        services.watches.hasten(request)
        try:
            from functions.relay.stages.stored import pass_stored

            await pass_stored(services, request, scope["path"], query, send)
        finally:
            services.watches.end(request)
    elif kind == "batches":
        from functions.relay.stages.list_batches import list_batches

        await list_batches(services, request, query, send)
    elif kind == "upload":
        from functions.relay.stages.files import upload_file

        await upload_file(services, request, body, send)
    elif kind == "key":
        from functions.relay.stages.show_key import show_key

        await show_key(services, request, send)
    else:
        from functions.relay.stages.list_models import list_models

        await list_models(services, request, query, send)


async def _end_interrupted(request: OpenRequest, send: Send, why: Interruption) -> None:
    if why == "client_gone" or request.draining:
        return
    reason, message = _INTERRUPTION_REASONS[why]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS_S_MAX):
            if request.response_started:
                await streaming.end_interrupted(request, send, reason, message)
            else:
                await respond.refuse(request, send, Refusal(reason, message))


async def _refuse(request: OpenRequest, send: Send, refusal: Refusal) -> None:
    request.reason = refusal.reason
    catalogue.DENIALS.increment(reason=refusal.reason.value)
    if request.response_started:
        await streaming.end_interrupted(request, send, refusal.reason, refusal.message)
    else:
        await respond.refuse(request, send, refusal)


async def _forget_answer(services: Services, request: OpenRequest) -> None:
    """What a policy broke off is not read whole where the provider keeps it."""
    if request.copy is not None and request.copy.stored_id is not None:
        with contextlib.suppress(RedisUnavailable):
            await services.stored.forget(request.copy.stored_id)


def _outcome(request: OpenRequest) -> tuple[Status, str]:
    """Status and finish cause of the record."""
    if request.complete:
        return "ok", "complete"
    drained = request.draining and request.first_chunk_ns is not None
    if request.interruption == "client_gone" or drained:
        return "cancelled", "client_gone"
    if request.interruption is not None:
        return "error", request.interruption
    if request.upload is not None and request.upload.refusal is not None:
        return "error", "bad_request"
    if request.reason in _BY_POLICY:
        return "error", request.reason.value
    if request.reason is not None:
        return "error", "upstream_error"
    return "ok", "complete"


def _report(request: OpenRequest) -> None:
    endpoint = request.endpoint.name if request.endpoint else "unknown"
    catalogue.REQUESTS.increment(
        function="relay", endpoint=endpoint, status=str(request.status or 499)
    )
    catalogue.REQUEST_SECONDS.observe(request.latency_ms / 1000, endpoint=endpoint)
    if (first_token_ms := request.first_token_ms) is not None:
        catalogue.FIRST_CHUNK_SECONDS.observe(first_token_ms / 1000, endpoint=endpoint)
    logs.log(
        "request",
        request_id=request.id,
        endpoint=endpoint,
        status=request.status or 499,
        latency_ms=request.latency_ms,
        first_token_ms=request.first_token_ms,
        attempts=request.attempts,
        key_id=request.key.id if request.key else None,
        account_id=request.account.id if request.account else None,
        model=request.parsed.model if request.parsed else None,
        admitted=request.admitted,
        stream=request.streaming,
        cache_hit=request.cache_hit,
        reason=request.reason.value if request.reason else None,
        interruption=request.interruption,
        tokens_input=request.tokens.input,
        tokens_output=request.tokens.output,
    )
