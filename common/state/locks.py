"""Locks in Redis: one rebuild at a time, one run of a task at a time.

They spare work; correctness never rests on one, since every guarded step is idempotent.
"""

from common.state.commands import RedisCommands, Script


async def take(
    commands: RedisCommands, prefix: str, name: str, token: str, duration_ms: int
) -> bool:
    """Take the lock for that long unless somebody holds it."""
    return (
        await commands.call("SET", _key(prefix, name), token, "NX", "PX", duration_ms) is not None
    )


async def renew(
    commands: RedisCommands, prefix: str, name: str, token: str, duration_ms: int
) -> bool:
    """Hold the lock for that long from now; false when the token holds it no longer."""
    keys = [_key(prefix, name)]
    return bool(await commands.script(Script.load("renew_lock"), keys, [token, duration_ms]))


async def held_for_ms(commands: RedisCommands, prefix: str, name: str) -> int:
    """How long it is held unless it is renewed: -2 when it is free, -1 when for ever."""
    return int(await commands.call("PTTL", _key(prefix, name)))


async def free(commands: RedisCommands, prefix: str, name: str, token: str) -> None:
    """Free the lock if the token still holds it."""
    await commands.script(Script.load("release_lock"), [_key(prefix, name)], [token])


async def finish_rebuild(commands: RedisCommands, prefix: str, name: str, token: str) -> bool:
    """Make the token the epoch; false, and nothing is done, when it holds the lock no longer.

    So it is after a flush in the middle of a rebuild: what was projected before it is gone.
    """
    keys = [f"{prefix}:epoch", _key(prefix, name)]
    return bool(await commands.script(Script.load("finish_rebuild"), keys, [token]))


def _key(prefix: str, name: str) -> str:
    return f"{prefix}:lock:{name}"
