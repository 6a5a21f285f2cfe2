"""List batches and files: the caller's own, each asked of the account that keeps it."""

import asyncio
from urllib.parse import parse_qs

import msgspec

from common.domain.refusals import Reason, Refusal, Refused
from common.providers.http import UpstreamFailed
from common.state.commands import RedisUnavailable
from common.state.stored_responses import Listed
from functions.relay import respond
from functions.relay.open_request import OpenRequest
from functions.relay.respond import Send
from functions.relay.services import Services
from functions.relay.stages.admit import state_unavailable
from functions.relay.stages.stored import account_of, as_own, open_exchange

ASKED_AT_ONCE = 8


class _Listing(msgspec.Struct, frozen=True):
    """One list. `after` and `before` name the parameters of pages, `extra` is beside the data."""

    listed: Listed
    path: str
    limit_default: int
    limit_max: int
    after: str
    before: str = ""
    extra: dict[str, str] = {}


_OPENAI = {"object": "list"}
_LISTINGS = {
    "messages.batches.list": _Listing(
        "batches", "/v1/messages/batches", 20, 100, "after_id", "before_id"
    ),
    "batches.list": _Listing("openai-batches", "/v1/batches", 20, 100, "after", extra=_OPENAI),
    # OpenAI gives up to 10,000; here each of them is asked for.
    "files.list": _Listing("files", "/v1/files", 100, 100, "after", extra=_OPENAI),
}


async def list_batches(services: Services, request: OpenRequest, query: str, send: Send) -> None:
    """Answer a page of the tenant's batches or files, the newest first. Raises `Refused`."""
    listing = _LISTINGS[request.endpoint.name if request.endpoint is not None else ""]
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    try:
        ids = await services.stored.list_of(listing.listed, request.tenant)
    except RedisUnavailable as error:
        raise Refused(state_unavailable()) from error
    page, has_more = _page(listing, ids, asked)
    turns = asyncio.Semaphore(ASKED_AT_ONCE)
    found = await asyncio.gather(
        *(_shown(services, request, f"{listing.path}/{one}", one, turns) for one in page)
    )
    shown = [msgspec.Raw(body) for body in found if body is not None]
    answer = listing.extra | {
        "data": shown,
        "has_more": has_more,
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }
    headers = [(b"content-type", b"application/json")]
    await respond.whole(request, send, 200, headers, msgspec.json.encode(answer))


def _page(listing: _Listing, ids: list[str], asked: dict[str, str]) -> tuple[list[str], bool]:
    """The ids of a page, and whether more follow in its direction. Raises `Refused`."""
    limit = asked.get("limit", str(listing.limit_default))
    if not limit.isdecimal() or not 1 <= int(limit) <= listing.limit_max:
        message = f"'limit' must be from 1 to {listing.limit_max}, not {limit[:20]!r}"
        raise Refused(Refusal(Reason.INVALID_REQUEST, message, field="limit"))
    size = int(limit)
    for name in (listing.after, listing.before):
        if name in asked and asked[name] not in ids:
            message = f"There is nothing here with the id {asked[name][:100]!r}"
            raise Refused(Refusal(Reason.INVALID_REQUEST, message, field=name))
    if listing.before in asked:
        before = ids[: ids.index(asked[listing.before])]
        return before[-size:], len(before) > size
    after = ids[ids.index(asked[listing.after]) + 1 :] if listing.after in asked else ids
    return after[:size], len(after) > size


async def _shown(
    services: Services, request: OpenRequest, path: str, identifier: str, turns: asyncio.Semaphore
) -> bytes | None:
    """The batch or file as its account shows it; None where it is there no more."""
    async with turns:
        try:
            account, _ = await account_of(services, request, identifier)
        except Refused as refused:
            if refused.refusal.reason is Reason.MODEL_NOT_FOUND:
                return None
            raise
        exchange = open_exchange(services, request, account, path, "", method="GET")
        try:
            await exchange.open()
            body = await exchange.read_all()
            if exchange.status == 404:
                return None
            if exchange.status != 200:
                message = f"{account.provider} answered with status {exchange.status}; try again"
                raise Refused(Refusal(Reason.UPSTREAM_ERROR, message))
            return await as_own(services, request, account, body)
        except UpstreamFailed as failed:
            raise Refused(Refusal(failed.failure.reason, failed.failure.message)) from failed
        finally:
            await exchange.close()
