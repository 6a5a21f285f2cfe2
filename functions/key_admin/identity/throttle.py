"""Attempts to sign in, counted in Redis before they are looked at: by account and by address.

A counter is raised first and given back by who was right, so that a thousand at the same time try
no more often than one after the other. Without Redis nobody signs in (503); bearer tokens still
work.
"""

import hashlib

from starlette.requests import Request

from common.domain.forwarded import counted_as
from common.identifiers import now_ms
from functions.key_admin.counting import raised, seconds_left
from functions.key_admin.problem import Problem
from functions.key_admin.services import Services

WINDOW_MS = 15 * 60_000
# Of one account from wherever, and of one address for whichever accounts.
ACCOUNT_ATTEMPTS_MAX = 10
ADDRESS_ATTEMPTS_MAX = 30


class Attempt:
    """One attempt that was admitted. Ends by `forgive` or `failures`."""

    def __init__(self, parts: Services, keys: tuple[str, str], count: int) -> None:
        self._commands = parts.redis
        self._account, self._address = keys
        self._count = count

    @property
    def locks(self) -> bool:
        """Whether its failure is the one that locks the account."""
        return self._count == ACCOUNT_ATTEMPTS_MAX

    @property
    def failures(self) -> int:
        """How many there were within the window, should this one fail."""
        return self._count

    async def since_ms(self) -> int:
        """When the window began, in ms since 1970. Raises `RedisUnavailable`."""
        left_ms = int(await self._commands.call("PTTL", self._account))
        return now_ms() - WINDOW_MS + max(left_ms, 0)

    async def forgive(self) -> None:
        """It was right. Raises `RedisUnavailable`."""
        await self._commands.call("DEL", self._account)
        await self._commands.call("DECR", self._address)


async def admit(parts: Services, request: Request, account: str) -> Attempt:
    """Count an attempt. Raises `Problem` 429 and `RedisUnavailable`."""
    prefix = f"{parts.settings.state_prefix}:sign-ins"
    digest = hashlib.sha256(account.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    address = counted_as(request.scope["relay.address"])
    keys = (f"{prefix}:account:{digest}", f"{prefix}:address:{address}")
    # An address that is closed locks no more accounts, nor leaves a counter for each that it names.
    if await raised(parts, keys[1], WINDOW_MS) > ADDRESS_ATTEMPTS_MAX:
        raise await _too_many(parts, keys[1], "from this address")
    by_account = await raised(parts, keys[0], WINDOW_MS)
    if by_account > ACCOUNT_ATTEMPTS_MAX:
        raise await _too_many(parts, keys[0], "for this account, which is locked")
    return Attempt(parts, keys, by_account)


async def _too_many(parts: Services, key: str, what: str) -> Problem:
    left_s = await seconds_left(parts, key)
    return Problem(
        429,
        "Too many failed attempts",
        f"Too many failed attempts to sign in {what}; try again in {_minutes(left_s)}.",
        headers={"retry-after": str(left_s)},
    )


def _minutes(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
