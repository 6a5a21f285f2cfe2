"""Expiring the leases of relays that died, for whoever is awake."""

from common.state.admission import Admission
from common.state.commands import RedisCommands


async def expire(commands: RedisCommands, prefix: str, limit: int) -> int:
    """Turn at most `limit` leases that are over into interrupted records; returns how many."""
    return await Admission(commands, prefix).expire(limit)


async def count_over(commands: RedisCommands, prefix: str, now_ms: int) -> int:
    """How many leases are over at that time (ms since 1970)."""
    return int(await commands.call("ZCOUNT", f"{prefix}:leases", "-inf", now_ms))
