"""Stored: what is asked of a stored response goes to the account that keeps it.

It was billed when it was made, so nothing is admitted and nothing settled; only its own tenant is
let through, and everybody else is told what the provider would tell of an unknown id.
"""

import asyncio

from common.domain.refusals import Reason, Refusal, Refused
from common.providers import PROVIDERS
from common.providers.headers import to_caller, to_provider
from common.providers.http import Exchange, UpstreamFailed
from common.state.commands import RedisUnavailable
from functions.relay import respond
from functions.relay.open_request import OpenRequest
from functions.relay.respond import Send
from functions.relay.services import Services
from functions.relay.snapshots import UsableAccount
from functions.relay.stages.admit import state_unavailable
from functions.relay.stages.forward import give_up, pass_error
from functions.relay.streaming import BrokenOff


async def pass_stored(
    services: Services, request: OpenRequest, path: str, query: str, send: Send
) -> None:
    """Ask the account, and pass on what it says, as it arrives. Raises `Refused`."""
    account = await _account(services, request)
    exchange = _open_exchange(services, request, account, path, query)
    try:
        await exchange.open()
        if exchange.status >= 300:
            await _pass_error(request, exchange, send)
            return
        await respond.start(request, send, exchange.status, to_caller(exchange.headers))
        while (chunk := await exchange.read_chunk()) is not None:
            await respond.part(send, chunk)
        await respond.end(send)
        if request.method == "DELETE" and exchange.status == 200:
            await services.stored.forget(request.path_id)
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


async def _pass_error(request: OpenRequest, exchange: Exchange, send: Send) -> None:
    answer = await pass_error(request, exchange, await exchange.read_all(), send)
    if answer is not None:
        await give_up(request, answer.failure, answer, send)


async def _account(services: Services, request: OpenRequest) -> UsableAccount:
    try:
        account_id = await services.stored.find(request.path_id, request.tenant)
    except RedisUnavailable as error:
        raise Refused(state_unavailable()) from error
    for account in services.snapshots.accounts:
        if account.id == account_id and account.enabled:
            return account
    message = f"Response with id {request.path_id[:100]!r} not found."
    raise Refused(Refusal(Reason.MODEL_NOT_FOUND, message, field="id"))


def _open_exchange(
    services: Services, request: OpenRequest, account: UsableAccount, path: str, query: str
) -> Exchange:
    provider = PROVIDERS[account.provider]
    headers = to_provider(request.headers, request.id, account.provider, request.tenant)
    headers += provider.credential_headers(account.credential)
    url = provider.url(account.base_url, path) + (f"?{query}" if query else "")
    return services.upstream.exchange(
        request.method,
        url,
        headers,
        b"",
        account.provider,
        timeout_ms=services.heartbeat.longest_exchange_ms(stream=True),
    )
