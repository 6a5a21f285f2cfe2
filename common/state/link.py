"""One connection to Redis: commands out, replies in, each to its caller in the order sent."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis

from common.state.commands import Argument, RedisReplyError, RedisUnavailable, failure

# More than this waiting to be written means that the server does not keep up.
UNWRITTEN_BYTES_MAX = 64 * 1024 * 1024
# With calls waiting, so many timeouts long without a byte: the connection is taken for dead.
SILENT_TIMEOUTS_MAX = 2
CLOSE_S_MAX = 1.0
READ_BYTES = 64 * 1024

# hiredis's stub says "a tuple of one".
pack: Callable[[tuple[Argument, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]

_INCOMPLETE = object()


class NeverWritten(Exception):
    """The link ended before any byte of the call was written: it may be repeated."""


class _Waiting:
    """A call without an answer. Done answers stay in their queue: replies come in order."""

    __slots__ = ("answer", "deadline", "packed")

    def __init__(self, packed: bytes, answer: asyncio.Future[Any], deadline: float) -> None:
        self.packed = packed
        self.answer = answer
        self.deadline = deadline


class Link(asyncio.BufferedProtocol):
    """A connection once made, until it is lost; it never reconnects.

    Calls of one turn of the event loop go out in one write. A call that times out or is cancelled
    keeps its place, so the replies behind it still find their callers.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        timeout_s: float,
        pending_max: int,
        when_lost: Callable[["Link", str], None],
    ) -> None:
        self.served = False  # whether the server ever answered
        self._why_over = ""
        self._loop = loop
        self._timeout_s = timeout_s
        self._pending_max = pending_max
        self._when_lost = when_lost
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE, replyError=failure)
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._written: deque[_Waiting] = deque()
        self._unwritten: list[_Waiting] = []
        self._unwritten_bytes = 0
        self._flush_scheduled = False
        self._paused = False
        self._retiring = False
        self._silent_since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._gone: asyncio.Future[None] = loop.create_future()

    def submit(self, packed: bytes, deadline: float) -> asyncio.Future[Any]:
        """Queue a packed command; the future gets its reply, or fails at `deadline` (loop time).

        Raises `NeverWritten` if the link is over, `RedisUnavailable` if too much is pending.
        """
        if self._why_over:
            raise NeverWritten(self._why_over)
        if (
            len(self._written) + len(self._unwritten) >= self._pending_max
            or self._unwritten_bytes >= UNWRITTEN_BYTES_MAX
        ):
            raise RedisUnavailable("overloaded: too many calls are waiting for Redis", sent=False)
        answer = self._loop.create_future()
        self._unwritten.append(_Waiting(packed, answer, deadline))
        self._unwritten_bytes += len(packed)
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)
        if deadline < self._timer_at:
            self._arm(deadline)
        return answer

    def retire(self) -> None:
        """Take no new calls (the owner sees to that); disconnect when the last reply came."""
        self._retiring = True
        self._end_if_retired()

    def drop(self, reason: str) -> None:
        """Disconnect now; what waits fails."""
        self._finish(reason)
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Write out what is buffered, then disconnect; bounded by `CLOSE_S_MAX`."""
        if self._transport is None:
            return
        self._flush()
        self._finish("closed")
        self._transport.close()
        await asyncio.wait([self._gone], timeout=CLOSE_S_MAX)
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"a stream transport is needed, not {transport!r}")
        self._transport = transport
        self._silent_since = self._loop.time()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio gives it
        """asyncio: where to read to. By itself it maps 256 KiB anew for each read.

        A view, since with TLS asyncio reads into slices of it.
        """
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio: bytes came. Give each complete reply to the oldest call."""
        self._silent_since = self._loop.time()
        self.served = True
        next_reply, next_waiting = self._reader.gets, self._written.popleft
        try:
            # It takes any buffer; its stub does not say so.
            self._reader.feed(self._buffer, 0, nbytes)  # type: ignore[arg-type]
            while (reply := next_reply()) is not _INCOMPLETE:
                answer = next_waiting().answer
                if answer.done():
                    continue
                if isinstance(reply, (RedisReplyError, RedisUnavailable)):
                    answer.set_exception(reply)
                else:
                    answer.set_result(reply)
        except IndexError:  # such as "ERR max number of clients reached", or no Redis at all
            self.drop(f"the server spoke unasked: {str(reply)[:120]}")
        except hiredis.ProtocolError:
            self.drop("the server does not speak the Redis protocol")
        if self._retiring:
            self._end_if_retired()

    def eof_received(self) -> None:
        """asyncio: the server hung up. Nothing more to write to it either."""
        self.drop("connection lost: the server closed it")

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: disconnected."""
        self._finish(f"connection lost: {error or 'closed'}")
        if not self._gone.done():
            self._gone.set_result(None)

    def pause_writing(self) -> None:
        """asyncio: the buffer is full. What waits here can still be repeated elsewhere."""
        self._paused = True

    def resume_writing(self) -> None:
        """asyncio: the buffer has room again."""
        self._paused = False
        self._flush()

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self._paused or self._why_over or self._transport is None:
            return
        batch = [waiting for waiting in self._unwritten if not waiting.answer.done()]
        self._unwritten.clear()
        self._unwritten_bytes = 0
        if not batch:
            return
        if not self._written:
            self._silent_since = self._loop.time()
        self._written.extend(batch)
        data = b"".join([waiting.packed for waiting in batch])
        for waiting in batch:
            waiting.packed = b""
        self._transport.write(data)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._check)

    def _check(self) -> None:
        """Fail the calls whose time is over. One timer serves all: it is rarely due."""
        self._timer, self._timer_at = None, math.inf
        now = self._loop.time()
        next_check = math.inf
        for queue, sent in ((self._written, True), (self._unwritten, False)):
            for waiting in queue:
                if waiting.answer.done():
                    continue
                if waiting.deadline <= now:
                    waiting.answer.set_exception(self._timeout(sent=sent))
                else:
                    next_check = min(next_check, waiting.deadline)
        if self._written:
            silent_until = self._silent_since + SILENT_TIMEOUTS_MAX * self._timeout_s
            if silent_until <= now:
                self.drop("connection dropped: the server has been silent for too long")
                return
            next_check = min(next_check, silent_until)
        if next_check < math.inf:
            self._arm(next_check)

    def _timeout(self, *, sent: bool) -> RedisUnavailable:
        return RedisUnavailable(f"no answer within {round(self._timeout_s * 1000)} ms", sent=sent)

    def _end_if_retired(self) -> None:
        if not self._written and not self._unwritten and self._transport is not None:
            self._transport.close()

    def _finish(self, reason: str) -> None:
        if self._why_over:
            return
        self._why_over = reason
        if self._timer is not None:
            self._timer.cancel()
        for waiting in self._written:
            if not waiting.answer.done():
                waiting.answer.set_exception(RedisUnavailable(reason, sent=True))
        for waiting in self._unwritten:
            if not waiting.answer.done():
                waiting.answer.set_exception(NeverWritten(reason))
        self._written.clear()
        self._unwritten.clear()
        self._when_lost(self, reason)
