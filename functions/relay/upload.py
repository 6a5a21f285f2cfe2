"""A form that is passed on to a provider while it still arrives.

Every byte is read by the dialect before it goes on, so a form that turns out to be none is broken
off at the provider before its end. Nothing is read from the caller while the provider does not
take it, and only the beginning is kept, for the case that another account is to be asked.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from common.asgi import BodyTooLarge
from common.dialects.base import ArrivingRequest, BadRequest
from common.domain.refusals import Reason, Refusal
from common.providers.base import Failure
from common.providers.http import StreamedBody, UpstreamFailed
from functions.relay.caller_body import CallerBody, refusal_of

if TYPE_CHECKING:
    from functions.relay.open_request import OpenRequest

# A form that is larger is asked of one account only; one that is known not to be is read whole.
KEPT_BYTES_MAX = 1024 * 1024


class Upload:
    """The body of one request, from the moment when a provider can be asked."""

    def __init__(
        self,
        request: "OpenRequest",
        body: CallerBody,
        reader: ArrivingRequest,
        read: bytes,
        length: int | None,
    ) -> None:
        self._request = request
        self._body = body
        self._reader = reader
        self._length = length
        self._read: bytes | None = read
        self._attempt = 0
        self._reading: asyncio.Task[bytes] | None = None
        self._closed = False
        # Why the request is refused in its middle.
        self.refusal: Refusal | None = None
        self.waiting_for_caller = False
        # All is here and good.
        self.complete = False
        self.over = asyncio.Event()

    @property
    def is_repeatable(self) -> bool:
        """Whether all that was read is still here for another attempt."""
        return self._read is not None and self.refusal is None

    def begin(self, served_model: str) -> StreamedBody:
        """The body of one more attempt, which ends the one before. It must be repeatable."""
        if self._read is None:
            raise ValueError("what was read is not here any more")
        self._attempt += 1
        head = self._reader.prepared(self._read, served_model)
        length = None
        if self._length is not None:
            length = self._length + len(head) - len(self._read)
        return StreamedBody(self._chunks(self._attempt, head), length)

    def close(self) -> None:
        """The request is over: what is on its way to a provider is broken off."""
        self._closed = True
        self.over.set()
        if self._reading is not None:
            self._reading.add_done_callback(_ignore)
            self._reading.cancel()

    async def _chunks(self, attempt: int, head: bytes) -> AsyncIterator[bytes]:
        yield head
        del head
        while chunk := await self._next(attempt):
            yield chunk

    async def _next(self, attempt: int) -> bytes:
        """The next bytes, empty at the end. Raises `UpstreamFailed` to break off."""
        if self.complete:
            return b""
        self._check_current(attempt)
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._body.read_chunk())
        self.waiting_for_caller = True
        reading = self._reading
        try:
            # An attempt that is given up leaves the chunk to the next one.
            await asyncio.wait({reading})
            self._check_current(attempt)
            self._reading = None
            self._take(chunk := reading.result())
        except (BodyTooLarge, BadRequest) as error:
            raise self._refused(refusal_of(error)) from None
        except ConnectionResetError:
            self.over.set()
            self._request.interrupt("client_gone")
            raise _broken_off("the caller left") from None
        finally:
            self.waiting_for_caller = False
        return chunk

    def _check_current(self, attempt: int) -> None:
        if attempt != self._attempt or self._closed:
            raise _broken_off("the request is over")

    def _take(self, chunk: bytes) -> None:
        self._request.last_chunk_ns = time.perf_counter_ns()
        if chunk:
            self._reader.feed(chunk)
            if self._read is not None:
                kept = len(self._read) + len(chunk) <= KEPT_BYTES_MAX
                self._read = self._read + chunk if kept else None
        # The last bytes of an announced length end the request at the provider.
        if not chunk or self._body.size == self._length:
            self._reader.end()
            self._request.parsed = self._reader.parsed()
            self.complete = True
            self.over.set()

    def _refused(self, refusal: Refusal) -> UpstreamFailed:
        self.refusal = refusal
        self.over.set()
        return _broken_off(refusal.message)


def _broken_off(message: str) -> UpstreamFailed:
    return UpstreamFailed(Failure(Reason.INVALID_REQUEST, message))


def _ignore(task: "asyncio.Task[bytes]") -> None:
    if not task.cancelled():
        task.exception()
