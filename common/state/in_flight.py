"""Calls in flight: how many there may be, and waiting for them when a connection is closed."""

import asyncio
from types import TracebackType

from common.state.commands import RedisUnavailable


class CallsInFlight:
    """`with calls_in_flight:` around each call; refuses when full, or after `finish` was called."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._finishing = False
        self._idle: asyncio.Future[None] | None = None

    def __enter__(self) -> None:
        if self._finishing:
            raise RedisUnavailable("the connection to Redis was closed by us", sent=False)
        if self._count >= self._most:
            raise RedisUnavailable("overloaded: too many calls are waiting for Redis", sent=False)
        self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._count -= 1
        if self._idle is not None and not self._count and not self._idle.done():
            self._idle.set_result(None)

    async def finish(self) -> None:
        """Refuse further calls; return when the last one ended, as it does by its timeout."""
        self._finishing = True
        if self._count:
            if self._idle is None:
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)
