"""How Redis is doing, for whoever looks after it."""

import time
from collections.abc import Sequence

from common.domain.policies import account_scope
from common.state.commands import RedisCommands


async def info(commands: RedisCommands) -> dict[str, str]:
    """Redis' INFO: its default sections, name to value."""
    text: bytes = await commands.call("INFO")
    pairs = (line.partition(":") for line in text.decode().splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in pairs if name}


async def clock_ahead_ms(commands: RedisCommands) -> float:
    """How far Redis' clock is ahead of this machine's, as of the middle of a round trip."""
    before = time.time()
    seconds, microseconds = await commands.call("TIME")
    middle = (before + time.time()) / 2
    return (int(seconds) + int(microseconds) / 1e6 - middle) * 1000


async def open_requests(
    commands: RedisCommands, prefix: str, account_ids: Sequence[str]
) -> dict[str, int]:
    """How many requests each account serves at this moment. Raises `RedisUnavailable`."""
    if not account_ids:
        return {}
    fields = [account_scope(one) for one in account_ids]
    reply = await commands.call("HMGET", f"{prefix}:inflight", *fields)
    return {one: int(count or 0) for one, count in zip(account_ids, reply, strict=True)}


async def cooldowns(commands: RedisCommands, prefix: str) -> dict[str, int]:
    """Accounts that rest after failures, by id, and until when (ms since 1970); past ones too."""
    reply: list[bytes] = await commands.call("HGETALL", f"{prefix}:cooldowns")
    return {
        reply[at].decode(): int(reply[at + 1].partition(b" ")[0]) for at in range(0, len(reply), 2)
    }
