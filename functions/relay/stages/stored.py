"""Stored: what is asked of a stored response or batch goes to the account that keeps it.

It was admitted when it was made, so nothing is admitted; only its own tenant is let through, and
everybody else is told what the provider would tell of an unknown id. An answer that shows that a
job has ended settles it.
"""

import asyncio
import contextlib

import msgspec

from common.dialects.bodies import loads
from common.dialects.spans import set_member
from common.domain.accounts import DIALECT_OF_PROVIDER
from common.domain.jobs import Job
from common.domain.refusals import Reason, Refusal, Refused
from common.providers import PROVIDERS
from common.providers.base import Ask
from common.providers.headers import to_caller, to_provider
from common.providers.http import Exchange, UpstreamFailed
from common.state.commands import RedisUnavailable
from common.state.stored_responses import Listed, StoredResponse
from functions.relay import respond
from functions.relay.open_request import OpenRequest
from functions.relay.respond import Send
from functions.relay.services import Services
from functions.relay.snapshots import UsableAccount
from functions.relay.stages.admit import state_unavailable
from functions.relay.stages.forward import give_up, pass_error
from functions.relay.stages.settle import announce
from functions.relay.streaming import BrokenOff

# Routes whose answer is the job's own object.
_SHOWING = frozenset(
    {
        "batches.cancel",
        "batches.stored",
        "messages.batches.cancel",
        "messages.batches.stored",
        "responses.cancel",
        "responses.stored",
    }
)


async def pass_stored(
    services: Services, request: OpenRequest, path: str, query: str, send: Send
) -> None:
    """Ask the account, and pass on what it says, as it arrives. Raises `Refused`."""
    account, stored = await account_of(services, request, request.path_id)
    job = await _job(services, stored)
    if job is not None and request.method == "DELETE":
        await _settle_before(services, job, account)
    exchange = open_exchange(services, request, account, path, query)
    try:
        await exchange.open()
        if exchange.status >= 300:
            await _pass_error(request, exchange, send)
            return
        if _is_shown_whole(request, exchange, job):
            await _pass_shown(services, request, account, exchange, job, send)
        else:
            await respond.start(request, send, exchange.status, to_caller(exchange.headers))
            while (chunk := await exchange.read_chunk()) is not None:
                await respond.part(send, chunk)
            await respond.end(send)
        if request.method == "DELETE" and exchange.status == 200:
            await services.stored.forget(request.path_id)
            listed: Listed = "files" if _is_file(request) else "batches"
            await services.stored.unlist(listed, request.path_id, request.tenant)
    except UpstreamFailed as failed:
        if request.response_started:
            request.reason = failed.failure.reason
            raise BrokenOff(failed.failure.message) from failed
        await give_up(request, failed.failure, None, send)
    except asyncio.CancelledError:
        if request.take_interruption() is None:
            raise
    except RedisUnavailable:
        return  # it is forgotten by itself in time
    finally:
        await exchange.close()


async def account_of(
    services: Services, request: OpenRequest, identifier: str
) -> tuple[UsableAccount, StoredResponse]:
    """The account that keeps the tenant's own response, batch or file. Raises `Refused`.

    One that is bound to other accounts by now, or may serve no more, gives nothing of it.
    """
    try:
        stored = await services.stored.find_stored(identifier, request.tenant)
    except RedisUnavailable as error:
        raise Refused(state_unavailable()) from error
    dialect = request.endpoint.dialect if request.endpoint is not None else None
    groups = services.routing.groups
    for account in services.snapshots.accounts if stored is not None else ():
        if (
            stored is not None
            and account.id == stored.account_id
            and account.may_serve(request.id, pinned=True)
            and DIALECT_OF_PROVIDER[account.provider] == dialect
            and not any(one.policy.routing.barred_by(account, groups) for one in request.routing)
        ):
            return account, stored
    what = _kind_of(request)
    message = f"{what} with id {identifier[:100]!r} not found."
    raise Refused(Refusal(Reason.MODEL_NOT_FOUND, message, field="id"))


def _kind_of(request: OpenRequest) -> str:
    name = request.endpoint.name if request.endpoint is not None else ""
    if name.startswith("messages."):
        return "Message batch"
    if name == "batches" or name.startswith("files"):  # a batch is made of a file
        return "File"
    return "Batch" if name.startswith("batches") else "Response"


def _is_file(request: OpenRequest) -> bool:
    return request.endpoint is not None and request.endpoint.name.startswith("files")


def open_exchange(
    services: Services,
    request: OpenRequest,
    account: UsableAccount,
    path: str,
    query: str,
    *,
    method: str = "",
) -> Exchange:
    """The request to the account; `method` is the caller's unless given."""
    provider = PROVIDERS[account.provider]
    headers = to_provider(request.headers, request.id, account.provider, request.tenant)
    path = f"{path}?{query}" if query else path
    call = provider.call(
        account, Ask("", "", headers=headers, path=path, method=method or request.method)
    )
    timeout_ms = services.heartbeat.longest_exchange_ms(stream=True)
    return services.upstream.call(call, account.provider, timeout_ms=timeout_ms)


async def as_own(
    services: Services, request: OpenRequest, account: UsableAccount, body: bytes
) -> bytes:
    """A batch as its tenant is to see it; files that it has made are the tenant's from now on."""
    if request.dialect is not None and request.dialect.name == "anthropic":
        return with_own_address(request, body)
    from common.dialects.openai.batch_jobs import files_of

    kept = StoredResponse(account.id, request.tenant)
    for file_id in files_of(body):
        try:
            await services.stored.remember(file_id, kept)
            await services.stored.list_as("files", file_id, request.tenant)
        except RedisUnavailable as error:
            raise Refused(state_unavailable()) from error
    return body


def with_own_address(request: OpenRequest, body: bytes) -> bytes:
    """The batch with Relay's address of its results: SDKs ask there, with the caller's key."""
    batch = loads(body)
    if not isinstance(batch, dict) or not batch.get("results_url"):
        return body
    path = f"/v1/messages/batches/{batch.get('id')}/results"
    host = request.header(b"x-forwarded-host") or request.header(b"host")
    scheme = request.header(b"x-forwarded-proto") or "http"
    url = f"{scheme}://{host}{path}" if host else path
    return set_member(body, "results_url", msgspec.json.encode(url))


async def _job(services: Services, stored: StoredResponse) -> Job | None:
    """The job that the id belongs to, while it is not settled."""
    if not stored.request_id:
        return None
    with contextlib.suppress(RedisUnavailable):
        return await services.jobs.find(stored.request_id)
    return None


async def _settle_before(services: Services, job: Job, account: UsableAccount) -> None:
    """What is deleted can be asked for no more. Raises `Refused` while it goes on."""
    try:
        outcome, posted = await services.job_settlement.collect(job, account)
    except RedisUnavailable as error:
        raise Refused(state_unavailable()) from error
    if outcome == "open":
        message = "It is still in progress: cancel it first, or wait until it has ended."
        raise Refused(Refusal(Reason.INVALID_REQUEST, message, field="id"))
    if posted is not None:
        announce(services, posted)


def _is_shown_whole(request: OpenRequest, exchange: Exchange, job: Job | None) -> bool:
    endpoint = request.endpoint
    if endpoint is None or endpoint.name not in _SHOWING or request.method == "DELETE":
        return False
    is_json = (exchange.header("content-type") or "").startswith("application/json")
    is_batch = "batches" in endpoint.name
    return is_json and (job is not None or is_batch)


async def _pass_shown(
    services: Services,
    request: OpenRequest,
    account: UsableAccount,
    exchange: Exchange,
    job: Job | None,
    send: Send,
) -> None:
    """Pass a response or batch on; its job, if it shows to have ended, is settled before that."""
    body = await exchange.read_all()
    if job is not None:
        with contextlib.suppress(RedisUnavailable):  # the task settles it
            state, posted = await services.job_settlement.collect_shown(job, body)
            if posted is not None:
                announce(services, posted)
            elif state is not None and state.ended and state.result is None:
                services.run_in_background(_collect(services, job, account))
    headers = to_caller(exchange.headers)
    body = await as_own(services, request, account, body)
    await respond.whole(request, send, exchange.status, headers, body)


async def _collect(services: Services, job: Job, account: UsableAccount) -> None:
    """Read the results of an ended batch and settle it; should that fail, the task does."""
    with contextlib.suppress(RedisUnavailable):
        _, posted = await services.job_settlement.collect(job, account)
        if posted is not None:
            announce(services, posted)


async def _pass_error(request: OpenRequest, exchange: Exchange, send: Send) -> None:
    answer = await pass_error(request, exchange, await exchange.read_all(), send)
    if answer is not None:
        await give_up(request, answer.failure, answer, send)
