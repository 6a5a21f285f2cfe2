"""The client inside the event loop: exchanges over connections that are kept.

One read of a socket is one step here: what came is parsed where it arrives, and whoever waits is
woken once. A client in a thread of its own hands every chunk over by itself, two switches each.
"""

import asyncio

from common.http1.answers import AnswerReader
from common.http1.asking import Address, request_head
from common.http1.framing import Malformed
from common.providers.base import Headers
from common.providers.connections import Connection, Origin, Pool
from common.providers.exchange import (
    TOGETHER_BYTES_MAX,
    Exchange,
    NotConnected,
    StreamedBody,
    Take,
    failed,
)

# A body that is no larger goes with its head.
_ONE_WRITE_BYTES_MAX = 64 * 1024


class DirectExchange(Exchange):
    """An exchange over a connection of the pool."""

    def __init__(
        self,
        pool: Pool,
        request: tuple[str, Address, Headers],
        body: bytes | StreamedBody,
        provider: str,
        timeout_s: float,
    ) -> None:
        """`timeout_s` is for all of it. Raises `ValueError` for headers that are none."""
        super().__init__(provider)
        method, address, headers = request
        self._pool = pool
        self._origin: Origin = (address.host, address.port, address.tls)
        # What may be asked twice is, when a connection that rested turns out to be over.
        self._repeatable = method == "GET"
        self._body: bytes | StreamedBody = body
        self._head = request_head(method, address, headers, _framing(method, body))
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._sending: asyncio.Task[None] | None = None
        self._reader = AnswerReader()
        self._chunks: list[bytes] = []
        self._waiting_bytes = 0
        # Who is handed what arrives, while a task waits for no more than that to end.
        self._take: Take | None = None
        self._paused = False
        self._error: BaseException | None = None
        # The connection ended before a byte of the answer came.
        self._lost_unheard = False
        self._waiter: asyncio.Future[bool] | None = None

    async def open(self) -> None:
        """See `Exchange.open`."""
        self._pool.deadlines.add(self, self._pool.loop.time() + self._timeout_s)
        connection = self._pool.take(self._origin)
        try:
            if connection is not None and not await self._asked(connection):
                connection = None
            if connection is None:
                await self._asked(await self._pool.connect(self._origin, self._timeout_s))
        except NotConnected as error:
            raise failed(error, self.provider) from error
        if not self._reader.has_head and self._error is not None:
            raise failed(self._error, self.provider) from self._error
        self._head = self._body = b""
        self.status, self.headers = self._reader.status, self._reader.headers

    @property
    def has_head(self) -> bool:
        """See `Exchange.has_head`."""
        return self.status != 0

    async def read_chunk(self) -> bytes | None:
        """See `Exchange.read_chunk`."""
        while not (chunks := self._chunks):
            if self._reader.ended:
                return None
            if self._error is not None:
                raise failed(self._error, self.provider) from self._error
            await self._wait()
        self._chunks, self._waiting_bytes = [], 0
        if self._paused and self._connection is not None:
            self._paused = False
            self._connection.resume_reading()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def pass_on(self, take: Take) -> bool:
        """See `Exchange.pass_on`. No task is woken for a chunk: there are thousands a second."""
        while True:
            if self._chunks or self._reader.ended or self._error is not None:
                chunk = await self.read_chunk()
                if chunk is None:
                    return True
                if not take(chunk):
                    return False
                continue
            self._take = take
            try:
                if not await self._wait():
                    return False
            finally:
                self._take = None

    async def close(self) -> None:
        """See `Exchange.close`."""
        self._pool.deadlines.remove(self)
        sent = self._sending is None or self._sending.done()
        if self._sending is not None:
            self._sending.cancel()
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.user = None
        whole = self._reader.ended and self._reader.reusable and self._error is None
        if whole and sent and connection.has_sent_all and not self._paused:
            self._pool.put(connection)
        else:
            connection.abort()

    def arrived(self, data: bytes) -> None:
        """Bytes of the answer are here."""
        try:
            body = self._reader.feed(data)
        except Malformed as error:
            self._fail(error)
            return
        if body and self._take is not None:
            self._hand_over(body, self._take)
            if not self._reader.ended:
                return
        elif body:
            self._chunks.append(body)
            self._waiting_bytes += len(body)
            if self._waiting_bytes >= TOGETHER_BYTES_MAX and not self._reader.ended:
                self._pause()
        if body or self._reader.ended or (self._reader.has_head and not self.status):
            self._wake()

    def cut(self, error: BaseException | None) -> None:
        """The connection ended."""
        reader = self._reader
        if error is None:
            try:
                reader.end()
            except Malformed as early:
                error = early
        if not reader.ended and error is not None:
            self._lost_unheard = reader.is_untouched and self._error is None
            self._fail(error)
            return
        reader.reusable = False
        self._wake()

    def time_out(self) -> None:
        """It takes too long."""
        self._fail(TimeoutError())

    async def _asked(self, connection: Connection) -> bool:
        """Ask over this connection, until the head is here.

        False when it had rested, was over, and the request can do no harm on another one: it was
        not sent, or is one that may be asked twice. So nobody is charged twice for an answer.
        """
        rested = connection.rests_since > 0
        self._connection = connection
        connection.user = self
        self._send(connection)
        if rested and connection.is_ending:
            connection.abort()
            return False
        while not self._reader.has_head and self._error is None:
            await self._wait()
        if rested and self._repeatable and self._lost_unheard and not self._reader.has_head:
            self._lost_unheard, self._error = False, None
            return False
        return True

    def _send(self, connection: Connection) -> None:
        body = self._body
        if isinstance(body, StreamedBody):
            connection.write(self._head)
            if not connection.is_ending:
                self._sending = self._pool.loop.create_task(self._send_parts(body))
        elif len(body) <= _ONE_WRITE_BYTES_MAX:
            connection.write(self._head + body)
        else:
            connection.write(self._head)
            connection.write(body)

    def _hand_over(self, body: bytes, take: Take) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():  # who waited is about to go on, and reads it
            self._chunks.append(body)
            return
        try:
            if take(body):
                return
        except Exception as error:  # noqa: BLE001 - for `pass_on` to raise
            waiter.set_exception(error)
        else:
            waiter.set_result(False)
        self._take = None

    def _pause(self) -> None:
        if self._connection is not None:
            self._paused = True
            self._connection.pause_reading()

    async def _send_parts(self, body: StreamedBody) -> None:
        """Send a streamed body; whatever breaks it off ends the exchange."""
        try:
            async for chunk in body.chunks:
                if (connection := self._connection) is None or connection.is_ending:
                    return
                if body.length is None and chunk:
                    connection.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                elif chunk:
                    connection.write(chunk)
                await connection.until_writable()
            if body.length is None and self._connection is not None:
                self._connection.write(b"0\r\n\r\n")
        except Exception as error:  # noqa: BLE001 - for `open` or `read_chunk` to raise
            self._fail(error)

    async def _wait(self) -> bool:
        """Wait for news; False where `take` takes no more."""
        waiter: asyncio.Future[bool] = self._pool.loop.create_future()
        self._waiter = waiter
        try:
            return await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(True)

    def _fail(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
        if self._connection is not None:
            self._connection.abort()
        self._wake()


def _framing(method: str, body: bytes | StreamedBody) -> str:
    if isinstance(body, StreamedBody):
        if body.length is None:
            return "transfer-encoding: chunked\r\n"
        return f"content-length: {body.length}\r\n"
    return f"content-length: {len(body)}\r\n" if body or method != "GET" else ""
