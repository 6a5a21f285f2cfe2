"""What is counted in Redis within a window of time: attempts, test calls."""

from functions.key_admin.services import Services


async def raised(parts: Services, key: str, window_ms: int) -> int:
    """The counter with this one, from 1 on; the first begins the window.

    Raises `RedisUnavailable`.
    """
    commands = parts.redis
    count = int(await commands.call("INCR", key))
    # The first of a window; or a process died between the two, and the counter had no end.
    if count == 1 or await commands.call("PTTL", key) == -1:
        await commands.call("PEXPIRE", key, window_ms)
    return count


async def seconds_left(parts: Services, key: str) -> int:
    """Of its window, at least 1. Raises `RedisUnavailable`."""
    commands = parts.redis
    return max(int(await commands.call("PTTL", key)) // 1000, 1)
