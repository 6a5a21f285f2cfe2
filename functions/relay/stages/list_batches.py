"""List batches: the caller's own, each asked of the account that keeps it."""

import asyncio
from urllib.parse import parse_qs

import msgspec

from common.domain.refusals import Reason, Refusal, Refused
from common.providers.http import UpstreamFailed
from common.state.commands import RedisUnavailable
from functions.relay import respond
from functions.relay.open_request import OpenRequest
from functions.relay.respond import Send
from functions.relay.services import Services
from functions.relay.stages.admit import state_unavailable
from functions.relay.stages.stored import account_of, open_exchange, with_own_address

LIMIT_DEFAULT, LIMIT_MAX = 20, 100
ASKED_AT_ONCE = 8


async def list_batches(services: Services, request: OpenRequest, query: str, send: Send) -> None:
    """Answer a page of the tenant's batches, the newest first. Raises `Refused`."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    try:
        ids = await services.stored.batches(request.tenant)
    except RedisUnavailable as error:
        raise Refused(state_unavailable()) from error
    page, has_more = _page(ids, asked)
    turns = asyncio.Semaphore(ASKED_AT_ONCE)
    found = await asyncio.gather(*(_shown(services, request, one, turns) for one in page))
    batches = [msgspec.Raw(body) for body in found if body is not None]
    answer = {
        "data": batches,
        "has_more": has_more,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }
    headers = [(b"content-type", b"application/json")]
    await respond.whole(request, send, 200, headers, msgspec.json.encode(answer))


def _page(ids: list[str], asked: dict[str, str]) -> tuple[list[str], bool]:
    """The ids of a page, and whether more follow in its direction. Raises `Refused`."""
    limit = asked.get("limit", str(LIMIT_DEFAULT))
    if not limit.isdecimal() or not 1 <= int(limit) <= LIMIT_MAX:
        message = f"'limit' must be from 1 to {LIMIT_MAX}, not {limit[:20]!r}"
        raise Refused(Refusal(Reason.INVALID_REQUEST, message, field="limit"))
    size = int(limit)
    for name in ("after_id", "before_id"):
        if name in asked and asked[name] not in ids:
            message = f"There is no batch {asked[name][:100]!r}"
            raise Refused(Refusal(Reason.INVALID_REQUEST, message, field=name))
    if "before_id" in asked:
        before = ids[: ids.index(asked["before_id"])]
        return before[-size:], len(before) > size
    after = ids[ids.index(asked["after_id"]) + 1 :] if "after_id" in asked else ids
    return after[:size], len(after) > size


async def _shown(
    services: Services, request: OpenRequest, batch_id: str, turns: asyncio.Semaphore
) -> bytes | None:
    """The batch as its account shows it; None where it is there no more."""
    async with turns:
        try:
            account, _ = await account_of(services, request, batch_id)
        except Refused as refused:
            if refused.refusal.reason is Reason.MODEL_NOT_FOUND:
                return None
            raise
        path = f"/v1/messages/batches/{batch_id}"
        exchange = open_exchange(services, request, account, path, "", method="GET")
        try:
            await exchange.open()
            body = await exchange.read_all()
            if exchange.status == 404:
                return None
            if exchange.status != 200:
                message = f"{account.provider} answered with status {exchange.status}; try again"
                raise Refused(Refusal(Reason.UPSTREAM_ERROR, message))
            return with_own_address(request, body)
        except UpstreamFailed as failed:
            raise Refused(Refusal(failed.failure.reason, failed.failure.message)) from failed
        finally:
            await exchange.close()
