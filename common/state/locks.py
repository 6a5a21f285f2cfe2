"""Locks in Redis: one rebuild at a time, one run of a task per time slot.

They spare work; correctness never rests on one, since every guarded step is idempotent.
"""

from common.state.commands import RedisCommands, Script


async def take(
    commands: RedisCommands, prefix: str, name: str, token: str, duration_ms: int
) -> bool:
    """Take the lock for that long unless somebody holds it."""
    key = f"{prefix}:lock:{name}"
    return await commands.call("SET", key, token, "NX", "PX", duration_ms) is not None


async def free(commands: RedisCommands, prefix: str, name: str, token: str) -> None:
    """Free the lock if the token still holds it."""
    await commands.script(Script.load("release_lock"), [f"{prefix}:lock:{name}"], [token])
