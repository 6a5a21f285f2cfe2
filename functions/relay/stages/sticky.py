"""Sticky sessions: a conversation goes to the account that served it last, if that has room.

Imported where several accounts could serve. What is kept is looked up while the candidates are
made ready, on the connection that admits next.
"""

import asyncio
import contextlib

import msgspec

from common.accounts import FALLBACK_TIER
from common.dialects.conversations import conversation_of
from common.domain.admission import Candidate
from common.state.commands import RedisUnavailable
from functions.relay.open_request import OpenRequest
from functions.relay.reservations import candidate_for
from functions.relay.services import Services
from functions.relay.snapshots import UsableAccount

# Before all others, by itself: its load decides nothing.
KEPT_TIER = -1


async def kept_together(
    services: Services, request: OpenRequest, accounts: list[UsableAccount]
) -> tuple[list[UsableAccount], list[Candidate]]:
    """The accounts, the conversation's own first, and the candidates that they are."""
    looking = await _begin(services, request)
    candidates = [candidate_for(services, request, account) for account in accounts]
    if looking is not None:
        request.sticky_account = await looking
    for index, account in enumerate(accounts):
        # What served another model than was asked for is no place to stay at.
        if account.id == request.sticky_account and account.tier < FALLBACK_TIER:
            first = msgspec.structs.replace(candidates.pop(index), tier=KEPT_TIER)
            accounts = [account, *accounts[:index], *accounts[index + 1 :]]
            return accounts, [first, *candidates]
    return accounts, candidates


async def remember(services: Services, request: OpenRequest) -> None:
    """The account that served it is the conversation's own, for the whole time again."""
    account = request.account
    if request.sticky_key is None or account is None or account.tier >= FALLBACK_TIER:
        return
    with contextlib.suppress(RedisUnavailable):
        await services.sticky.remember(request.sticky_key, account.id)


async def _begin(services: Services, request: OpenRequest) -> asyncio.Task[str | None] | None:
    """Ask Redis, once a request; None where there is nothing to ask for."""
    if request.sticky_key is not None or request.parsed is None:
        return None
    header = lambda name: request.header(name.encode())  # noqa: E731
    conversation = conversation_of(header, request.body)
    if conversation is None:
        return None
    model = request.parsed.model
    request.sticky_key = services.sticky.key_of(request.tenant, model, conversation)
    looking = asyncio.get_running_loop().create_task(_find(services, request.sticky_key))
    await asyncio.sleep(0)  # it is on its way before the candidates are made
    return looking


async def _find(services: Services, key: str) -> str | None:
    with contextlib.suppress(RedisUnavailable):
        return await services.sticky.find(key)
    return None
