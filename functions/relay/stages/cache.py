"""Cache: an answer that was given before to the same request of the same tenant.

After `admit`, so that a hit counts for limits like any request; it asks no account and costs
nothing. Only for requests of those whose policy keeps answers: nobody else imports it. Whatever is
wrong with the cache, the request goes on without it. docs/caching.md says what is kept.
"""

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from common.accounts import FALLBACK_TIER
from common.dialects.base import Operation, WholeAnswer
from common.dialects.canonical import ENDPOINTS, NotKept, canonical
from common.dialects.capture import Capture
from common.dialects.replayed import Replayed
from common.domain.refusals import Reason, Refusal, Refused
from common.domain.reported_usage import reported_usage
from common.domain.response_cache import InvalidCacheHeader, read_cache_policy, wish_of
from common.domain.usage import Tokens
from common.identifiers import now_ms
from common.state.commands import RedisReplyError, RedisUnavailable
from common.state.response_cache import Entry, Place
from common.telemetry import catalogue, logs
from functions.relay import respond
from functions.relay.flights import ALONE, Flight
from functions.relay.open_request import OpenRequest
from functions.relay.respond import Send
from functions.relay.services import Services
from functions.relay.snapshots import UsableAccount
from functions.relay.stages.forward import forward

# Of the caller's headers those that a provider may answer differently for.
_COUNTED_HEADERS = (b"anthropic-beta", b"anthropic-version", b"openai-beta")
# A replayed stream is sent in such parts.
_PART_BYTES = 64 * 1024


def choose(request: OpenRequest, policy: Mapping[str, Any]) -> None:
    """What the request wants of the cache, by its policy and its headers. Raises `Refused`."""
    asked, ttl = request.header(b"x-relay-cache"), request.header(b"x-relay-cache-ttl")
    try:
        request.cache_wish = wish_of(read_cache_policy(policy), asked, ttl)
    except InvalidCacheHeader as error:
        refusal = Refusal(Reason.INVALID_REQUEST, str(error), field=error.header)
        raise Refused(refusal) from None


async def serve(
    services: Services, request: OpenRequest, accounts: list[UsableAccount], send: Send
) -> None:
    """Serve an admitted request by a kept answer, or by an account, and keep what that answers.

    Raises as `forward`.
    """
    wish = request.cache_wish
    place = None
    if wish is not None and wish.use != "pass" and services.settings.cache_tenant_bytes_max:
        place = _place_of(services, request)
    if wish is None or place is None:
        _say(request, "bypass")
        await forward(services, request, accounts, send)
    elif wish.use == "renew":
        _say(request, "miss")
        flight = Flight(services.flights, place, request.id, ALONE)
        await _make(services, request, accounts, send, flight)
    else:
        flight = await services.flights.board(place, request.id, wish.ttl_s)
        if flight.taken.entry is not None:
            await _replay(request, flight.taken.entry, send)
        elif flight.taken.then == "make":
            _say(request, "bypass" if flight.unseen else "miss")
            await _make(services, request, accounts, send, flight)
        else:
            _say(request, "miss")
            await forward(services, request, accounts, send)


def _place_of(services: Services, request: OpenRequest) -> Place | None:
    """Where the answer is kept; None for one that is not."""
    endpoint, parsed = request.endpoint, request.parsed
    if endpoint is None or parsed is None or endpoint.name not in ENDPOINTS:
        return None
    try:
        said = canonical(endpoint.name, request.body, parsed)
    except NotKept:
        return None
    headers = [request.header(name) for name in _COUNTED_HEADERS]
    # Another routing table may mean another model by the same name. A cap that a budget imposes
    # makes another answer.
    asked = (endpoint.name, endpoint.dialect, parsed.model, headers, services.routing_version,
             request.output_cap, said)  # fmt: skip
    return services.response_cache.place_of(request.tenant, asked)


async def _make(
    services: Services,
    request: OpenRequest,
    accounts: list[UsableAccount],
    send: Send,
    flight: Flight,
) -> None:
    capture = Capture(services.settings.cache_entry_bytes_max)
    request.layers = (capture, *request.layers)
    cap = request.output_cap
    flight.begin()
    entry, never = None, False
    try:
        await forward(services, request, accounts, send)
    finally:
        if capture.ended or capture.too_large:
            same = request.output_cap == cap and _is_of_model_asked(request)
            body = capture.kept() if same else None
            entry = None if body is None else _entry(request, body)
            never = entry is None
        flight.land(entry, never=never)
        if not flight.unseen:
            services.run_in_background(_keep(services, request, flight, entry, never=never))


def _is_of_model_asked(request: OpenRequest) -> bool:
    """What stands in for a model that is not there is no answer of that model."""
    return request.account is not None and request.account.tier < FALLBACK_TIER


def _entry(request: OpenRequest, body: bytes) -> Entry:
    figures = []
    if request.copy is not None:
        figures = list(request.copy.usage)
    elif request.answer is not None and request.answer.usage:
        figures = [request.answer.usage]
    usage = reported_usage(figures)
    read = request.copy.served_model if request.copy is not None else None
    if request.copy is None and request.answer is not None:
        read = request.answer.model
    return Entry(now_ms(), body, read, b"" if usage is None else msgspec.json.encode(usage))


async def _keep(
    services: Services, request: OpenRequest, flight: Flight, entry: Entry | None, *, never: bool
) -> None:
    """Keep the answer, or say that there is none; Redis being away costs only that."""
    cache, result = services.response_cache, "failed"
    try:
        if never:
            result = "not_kept"
            await cache.never(flight.place)
        elif entry is None:
            await cache.give_back(flight.place, flight.token)
        elif request.key is not None and request.cache_wish is not None:
            kept = await cache.put(
                flight.place,
                entry,
                token=flight.token,
                key_id=request.key.id,
                ttl_s=request.cache_wish.ttl_s,
                tenant_bytes_max=services.settings.cache_tenant_bytes_max,
            )
            result = "kept" if kept else "not_kept"
    except (RedisUnavailable, RedisReplyError) as error:
        logs.log("answer_not_kept", level="warning", request_id=request.id, error=str(error))
    catalogue.CACHE_MADE.increment(result=result)


async def _replay(request: OpenRequest, entry: Entry, send: Send) -> None:
    """Send a kept answer, through the layers that stand outside of the cache."""
    request.cache_hit = True
    _say(request, "hit")
    age_s = max(now_ms() - entry.made_ms, 0) // 1000
    request.limit_headers = [*request.limit_headers, (b"age", b"%d" % age_s)]
    request.answer = WholeAnswer(Tokens(), entry.model, 0, usage=entry.usage)
    request.first_chunk_ns = time.perf_counter_ns()
    if request.parsed is not None and request.parsed.stream:
        await _replay_stream(request, entry, send)
    else:
        body = entry.body
        for layer in request.layers:
            body = await layer.whole(body)
        headers = respond.translated_headers(request, "application/json")
        await respond.whole(request, send, 200, headers, body)
    request.complete = True


async def _replay_stream(request: OpenRequest, entry: Entry, send: Send) -> None:
    if request.own_operation is None or request.parsed is None:
        raise ValueError("only a parsed request is answered")
    operation: Operation = Replayed(request.own_operation)
    for layer in request.layers:
        operation = layer.around(operation)
    request.operation, request.streaming = operation, True
    copy = operation.stream_copy(request.parsed)
    media_type = "text/event-stream; charset=utf-8"
    headers = respond.translated_headers(request, media_type) + respond.STREAM_HEADERS
    await respond.start(request, send, 200, headers)
    for at in range(0, len(entry.body), _PART_BYTES):
        if ready := copy.feed(entry.body[at : at + _PART_BYTES]):
            await respond.part(send, ready)
    if request.before_end is not None:
        await request.before_end()
    await respond.end(send, copy.end())


def _say(request: OpenRequest, result: str) -> None:
    catalogue.CACHE_REQUESTS.increment(result=result)
    request.limit_headers = [*request.limit_headers, (b"x-relay-cache", result.encode())]
