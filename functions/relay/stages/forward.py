"""Forward: ask the admitted account, and the next ones while nothing has reached the caller."""

import asyncio
import time

import msgspec

from common.dialects.base import BadRequest
from common.domain.account_health import Rest
from common.domain.admission import Moved, chosen_first
from common.domain.refusals import Reason, Refusal, Refused
from common.providers.base import Failure, judge
from common.providers.headers import to_caller
from common.providers.http import Exchange, UpstreamFailed
from common.state.commands import RedisUnavailable
from common.state.stored_responses import Listed, StoredResponse
from common.telemetry import catalogue, logs
from functions.relay import respond, streaming
from functions.relay.asking import begin, prepare
from functions.relay.caller_body import refusal_of
from functions.relay.open_request import Interruption, OpenRequest
from functions.relay.reservations import candidate_for, take
from functions.relay.respond import Send
from functions.relay.services import Services
from functions.relay.snapshots import UsableAccount

# How long an account rests that did not begin to answer in time, while others serve.
TIMED_OUT_MS = 10_000


class Interrupted(Exception):
    """The request was ended from outside: the caller left, or a deadline passed."""

    def __init__(self, why: Interruption) -> None:
        super().__init__(why)
        self.why = why


class ProviderAnswer(msgspec.Struct, frozen=True):
    """A provider's error answer that may be passed on when no other account can serve."""

    failure: Failure
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


async def forward(
    services: Services, request: OpenRequest, accounts: list[UsableAccount], send: Send
) -> None:
    """Serve the request by the first account that can.

    Raises `Refused` when none could, and `Interrupted`.
    """
    remaining = accounts
    others, asked = len(accounts) > 1, False
    while True:
        began_ns = time.perf_counter_ns()
        request.attempts += 1
        request.account = remaining[0]
        answer: ProviderAnswer | None = None
        try:
            answer = await _attempt(services, request, remaining[0], send)
            if answer is None:
                _count(request, "ok")
                services.account_health.served(remaining[0])
                return
            failure = answer.failure
        except BadRequest as error:
            from functions.relay.translating import inexpressible

            if not asked and len(remaining) == 1:
                # No account can be told, however long the caller waits.
                raise Refused(refusal_of(error)) from None
            failure = inexpressible(error)
        except UpstreamFailed as error:
            failure = error.failure
        except asyncio.CancelledError:
            failure = _after_cancel(request, remaining[0])
        asked = asked or failure.reason is not Reason.NO_CAPACITY
        if request.upload is not None and request.upload.refusal is not None:
            raise Refused(request.upload.refusal)
        _count(request, failure.reason.value)
        ms = (time.perf_counter_ns() - began_ns) // 1_000_000
        failed = remaining[0]
        rests: Rest | None = None
        if failure.reason is not Reason.NO_CAPACITY:
            rests = services.account_health.failed(failed, failure, others=others)
        rest = remaining[1:] if _may_move(services, request) else []
        remaining = await _move(services, request, rest, rests)
        _report_failed(request, failed, failure, ms, rests, moved=bool(remaining))
        if not remaining:
            await give_up(request, failure, answer, send)
            return


async def _attempt(
    services: Services, request: OpenRequest, account: UsableAccount, send: Send
) -> ProviderAnswer | None:
    """One attempt. None when the caller was answered; else the error that may be passed on."""
    if request.parsed is not None and request.parsed.job is not None:
        from functions.relay.stages.entrust import charge_worst_case

        await charge_worst_case(services, request)
    exchange = await prepare(services, request, account)
    request.exchange = exchange
    request.raw = False
    request.copy = None
    request.first_chunk_ns = None
    request.last_chunk_ns = time.perf_counter_ns()
    request.waiting_for_provider = True
    if request.probes:
        request.on_served = lambda: services.account_health.proven(account, request.id)
    try:
        exchange = await begin(request, exchange)
        if exchange.status == 200:
            services.account_health.answered(account, exchange)
        content_type = exchange.header("content-type") or ""
        if exchange.status == 200 and content_type.startswith(streaming.STREAMED_TYPES):
            services.watches.hasten(request)
        if exchange.status == 200 and content_type.startswith("text/event-stream"):
            # A job goes on, so its id must be known.
            if not request.draining and not request.job_begun:
                _end_if_caller_gone(request)
            await streaming.copy_stream(
                request, exchange, send, lambda: _remember(services, request, account)
            )
            return None
        if exchange.status == 200 and content_type.startswith(streaming.RAW_TYPES):
            _end_if_caller_gone(request)
            await streaming.copy_raw(request, exchange, content_type, send)
            return None
        body = await exchange.read_all()
        request.waiting_for_provider = False
        if exchange.status >= 300:
            return await pass_error(request, exchange, body, send)
        await _pass_whole(services, request, exchange, body, send)
        return None
    finally:
        request.waiting_for_provider = False
        request.on_served = None
        request.exchange = None
        await exchange.close()


async def _pass_whole(
    services: Services, request: OpenRequest, exchange: Exchange, body: bytes, send: Send
) -> None:
    """A whole answer, once it is known to be one. Raises `UpstreamFailed` for anything else."""
    if request.operation is None or request.account is None:
        raise ValueError("only a forwarded request is answered")
    answer = request.operation.read_answer(body, exchange.header("content-type") or "")
    if answer is None:
        message = f"{exchange.provider} answered with something that is no answer of its API"
        raise UpstreamFailed(Failure(Reason.UPSTREAM_GARBAGE, message))
    headers = to_caller(exchange.headers)
    if request.translates:
        body = request.operation.answer_for_caller(body, request.id)
        headers = respond.translated_headers(request, "application/json")
    request.first_chunk_ns = time.perf_counter_ns()
    request.answer = answer
    for layer in request.layers:
        body = await layer.whole(body)
    # Before the caller has the id and may ask for it.
    await _remember(services, request, request.account)
    _end_if_caller_gone(request)
    await respond.whole(request, send, exchange.status, headers, body)
    request.complete = True


async def _remember(services: Services, request: OpenRequest, account: UsableAccount) -> None:
    """Keep which account has a stored response, and of a job that it goes on.

    Should Redis be away, a response cannot be read again, and a job is refused. Raises `Refused`.
    """
    if request.parsed is None or not request.parsed.stored or request.translates:
        return
    made = request.copy or request.answer
    if made is None or made.stored_id is None:
        return
    job = request.parsed.job
    goes_on = request.answer is None or request.answer.unfinished
    if job is not None and goes_on:
        from functions.relay.stages.entrust import entrust

        await entrust(services, request, made.stored_id)
    try:
        stored = StoredResponse(account.id, request.tenant, request.id if job and goes_on else "")
        await services.stored.remember(made.stored_id, stored)
        if job in ("message_batch", "batch"):
            listed: Listed = "batches" if job == "message_batch" else "openai-batches"
            await services.stored.list_as(listed, made.stored_id, request.tenant)
    except RedisUnavailable as error:
        logs.log("response_forgotten", level="warning", request_id=request.id, error=str(error))
    if request.entrusted and request.copy is not None:
        _end_if_caller_gone(request)


async def pass_error(
    request: OpenRequest, exchange: Exchange, body: bytes, send: Send
) -> ProviderAnswer | None:
    """Errors that are about the request go to the caller as they are; others are judged."""
    if request.dialect is None:
        raise ValueError("only a request in a dialect is answered")
    failure = judge(
        exchange.status,
        exchange.header("retry-after"),
        exchange.provider,
        body,
        exchange.headers,
    )
    if failure is not None and not failure.pass_through:
        raise UpstreamFailed(failure)
    headers = to_caller(exchange.headers)
    # Who speaks the caller's dialect may have errors of its own: Bedrock and Vertex AI for Claude.
    if request.translates or not request.dialect.is_error_body(body):
        from functions.relay.translating import said_again

        headers, body = said_again(request, exchange.status, body)
    if retry_after := exchange.header("retry-after"):
        headers.append((b"retry-after", retry_after.encode("latin-1")))
    if failure is not None:
        return ProviderAnswer(failure, exchange.status, headers, body)
    request.reason = Reason.UPSTREAM_ERROR
    if request.dialect.is_error_body(body):
        await respond.whole(request, send, exchange.status, headers, body)
        return None
    message = f"{exchange.provider} refused the request with status {exchange.status}"
    raise Refused(Refusal(Reason.UPSTREAM_GARBAGE, message))


def _end_if_caller_gone(request: OpenRequest) -> None:
    """Raises `Interrupted` when nobody is there any more to answer to.

    A whole answer's figures are known by then and recorded as the provider reports them.
    """
    if request.caller_gone:
        request.interruption = "client_gone"
        raise Interrupted("client_gone")


def _may_move(services: Services, request: OpenRequest) -> bool:
    """Whether another account may be asked: for somebody, with all that was sent, in time."""
    settings = services.settings
    return (
        not request.caller_gone
        and (request.upload is None or request.upload.is_repeatable)
        and request.attempts < settings.attempts_max
        and request.latency_ms < settings.retry_within_s * 1000
    )


def _after_cancel(request: OpenRequest, account: UsableAccount) -> Failure:
    """What a cancellation of ours means; anybody else's goes on its way."""
    why = request.take_interruption()
    if why is None:
        raise asyncio.CancelledError
    if why not in ("first_byte", "first_token") or request.response_started:
        raise Interrupted(why) from None
    request.interruption = None
    message = f"{account.provider} did not answer in time"
    if why == "first_token":
        message = f"{account.provider} did not begin its answer in time"
    return Failure(Reason.UPSTREAM_TIMEOUT, message, cooldown_ms=TIMED_OUT_MS)


async def _move(
    services: Services, request: OpenRequest, rest: list[UsableAccount], rests: Rest | None
) -> list[UsableAccount]:
    """The accounts from the next admitted one on; empty when none is left."""
    if not rest or request.response_started:
        if request.account is not None:
            request.failed_account = (request.account.id, rests)
        return []
    request.job_begun = False
    # The figures of an attempt are no other account's: neither its draft's nor its record's.
    seen, request.copy = request.copy, None
    candidates = [candidate_for(services, request, account) for account in rest]
    try:
        answer = await services.admission.move(
            request.id, request.attempts + 1, candidates, rest=rests
        )
    except RedisUnavailable:
        request.copy = seen
        return []
    if not isinstance(answer, Moved):
        request.copy = seen
        return []
    request.first_chunk_ns = None
    request.probes = answer.probe
    take(services, request, rest[answer.index], answer.cap)
    return chosen_first(rest, answer.index)


async def give_up(
    request: OpenRequest, failure: Failure, answer: ProviderAnswer | None, send: Send
) -> None:
    """Pass the provider's own error on where it is fit for the caller; else say ours."""
    request.reason = failure.reason
    if request.response_started:
        return
    dialect = request.dialect
    if answer is not None and dialect is not None and dialect.is_error_body(answer.body):
        await respond.whole(request, send, answer.status, answer.headers, answer.body)
        return
    raise Refused(Refusal(failure.reason, failure.message, retry_after_ms=failure.retry_after_ms))


def _count(request: OpenRequest, result: str) -> None:
    if request.account is not None:
        catalogue.UPSTREAM_ATTEMPTS.increment(
            provider=request.account.provider, account=request.account.name, result=result
        )


def _report_failed(
    request: OpenRequest,
    account: UsableAccount,
    failure: Failure,
    ms: int,
    rests: Rest | None,
    *,
    moved: bool,
) -> None:
    logs.log(
        "attempt_failed",
        level="warning",
        request_id=request.id,
        account_id=account.id,
        account=account.name,
        provider=account.provider,
        status=failure.status,
        reason=failure.reason.value,
        detail=failure.detail,
        ms=ms,
        rest_ms=0 if rests is None else rests.ms,
        moved=moved,
    )
