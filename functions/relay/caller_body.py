"""The body of a caller's request, as it arrives: bounded, read by one reader at a time."""

import asyncio
from typing import Any

from common.asgi import BodyTooLarge, Receive
from common.dialects.base import BadRequest
from common.domain.refusals import Reason, Refusal
from common.unread_bodies import drain

BODY_BYTES_MAX = 32 * 1024 * 1024
# How much of a refused body is read, and thrown away, and for how long.
DRAIN_BYTES_MAX = 2 * BODY_BYTES_MAX
DRAIN_S_MAX = 10.0


def refusal_of(error: BodyTooLarge | BadRequest) -> Refusal:
    """What a caller reads of a body that is not taken."""
    if isinstance(error, BodyTooLarge):
        most = BODY_BYTES_MAX // (1024 * 1024)
        return Refusal(Reason.REQUEST_TOO_LARGE, f"The request body exceeds {most} MiB")
    reason = Reason.REQUEST_TOO_LARGE if error.status == 413 else Reason.INVALID_REQUEST
    return Refusal(reason, error.message, field=error.field)


class CallerBody:
    """Reads ASGI's messages; `ended` says that the last one was here."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.size = 0
        self.ended = False
        self._leaving: asyncio.Task[None] | None = None

    async def read_chunk(self) -> bytes:
        """The next bytes, empty at the end.

        Raises `BodyTooLarge`, and `ConnectionResetError` when the caller left.
        """
        while not self.ended:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.ended = True
                raise ConnectionResetError("the caller left while its request was read")
            self.ended = not message.get("more_body")
            chunk: bytes = message.get("body", b"")
            self.size += len(chunk)
            if self.size > BODY_BYTES_MAX:
                raise BodyTooLarge
            if chunk:
                return chunk
        return b""

    async def read_rest(self, length: int | None = None) -> bytes:
        """All that is left, up to the `length` that the head announced. Raises as `read_chunk`.

        The server holds the caller to that length; not to wait for the word that it was all saves a
        way between two threads.
        """
        chunks: list[bytes] = []
        while chunk := await self.read_chunk():
            chunks.append(chunk)
            if self.size == length:
                self.ended = True
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def wait_until_gone(self) -> None:
        """Return when the caller has left; what else comes is thrown away."""
        if self._leaving is None:
            await self._until_gone()
        else:
            await asyncio.shield(self._leaving)

    def leaving(self) -> asyncio.Task[None]:
        """The same as one task for all who want to know; `drain` ends it."""
        if self._leaving is None:
            self._leaving = asyncio.get_running_loop().create_task(self._until_gone())
        return self._leaving

    async def _until_gone(self) -> None:
        message: dict[str, Any] = {"type": ""}
        while message["type"] != "http.disconnect":
            message = await self._receive()
            self.ended = not message.get("more_body")

    async def drain(self) -> None:
        """Throw away what is left, after an answer that needs none; nobody reads on after it."""
        if self._leaving is not None:
            self._leaving.cancel()
        if not self.ended:
            await drain(self._receive, bytes_max=DRAIN_BYTES_MAX, s_max=DRAIN_S_MAX)
