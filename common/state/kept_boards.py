"""The first ones of leaderboards, kept for a day: what they are is `common.store.leaders`'."""

import hashlib

from common.state.commands import RedisCommands

KEPT_S = 26 * 3600


async def read(commands: RedisCommands, prefix: str, question: str) -> bytes | None:
    """What was kept of that question."""
    found: bytes | None = await commands.call("GET", _name(prefix, question))
    return found


async def keep(commands: RedisCommands, prefix: str, question: str, kept: bytes) -> None:
    """Until nobody asks it any more."""
    await commands.call("SET", _name(prefix, question), kept, "EX", KEPT_S)


def _name(prefix: str, question: str) -> str:
    return f"{prefix}:board:{hashlib.sha256(question.encode()).hexdigest()[:32]}"
