"""One connection of a caller: requests one after the other, each a call of the ASGI application."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from common.asgi import PART_NOW
from common.http1.answering import AnswerWriter, plain_answer
from common.http1.framing import Malformed
from common.http1.requests import Head, RequestReader
from common.telemetry import logs

Application = Callable[[Any, Any, Any], Awaitable[None]]
Message = dict[str, Any]

# As much of a body waits for the application, and of an answer for the caller.
WAITING_BYTES_MAX = 64 * 1024
# Longer than proxies keep their connections (nginx 60 s, Go 90 s): else they would send a request
# into one that is just ending.
IDLE_S = 120.0
# From the first byte of a head to its last.
HEAD_S = 30.0
# How long nothing of a body may come that is waited for. Applications have bounds of their own.
BODY_S = 300.0
# How long a caller may take for the last that was sent, and what still comes is thrown away.
LINGER_S = 10.0

_DISCONNECT: Message = {"type": "http.disconnect"}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_ASGI = {"version": "3.0", "spec_version": "2.3"}
_NEVER = float("inf")
# Linger for 0 s: a connection that is closed so is reset.
_RESET = struct.pack("ii", 1, 0)


class Server(Protocol):
    """What a connection needs of its server."""

    application: Application
    # It takes no new connection, and ends each after the request that is open on it.
    stopping: bool
    # All connections read into one: each read is taken out of it at once.
    buffer: memoryview

    def joined(self, connection: "CallerConnection") -> bool:
        """A connection was made; whether it is served at once."""

    def left(self, connection: "CallerConnection") -> None:
        """A connection ended."""


class CallerConnection(asyncio.BufferedProtocol):
    """One connection of a caller, and the one request that is open on it."""

    __slots__ = (
        *("_answer", "_body", "_body_bytes", "_client", "_gone", "_lingers", "_loop", "_own"),
        *("_paused", "_reader", "_server", "_task", "_told", "_transport", "_waiters"),
        *("_waits", "_writable", "until"),
    )

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._reader = RequestReader()
        self._task: asyncio.Task[None] | None = None
        self._answer: AnswerWriter | None = None
        self._transport: Any = None
        self._client: tuple[str, int] | None = None
        self._own: tuple[str, int] | None = None
        # What of the body is here; and whether the application knows that it is whole.
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._told = False
        self._waiters: list[asyncio.Future[None]] = []
        self._writable: asyncio.Future[None] | None = None
        self._gone = False
        self._lingers = False
        self._paused = False
        self._waits = False
        # When it is ended, in the loop's time, unless something happens.
        self.until = self._loop.time() + HEAD_S

    @property
    def busy(self) -> bool:
        """Whether a request is open, or has begun to come."""
        return self._task is not None or self._reader.has_begun

    # What the loop says.

    def connection_made(self, transport: Any) -> None:
        """The loop's word that it stands."""
        self._transport = transport
        self._client = _pair(transport.get_extra_info("peername"))
        self._own = _pair(transport.get_extra_info("sockname"))
        if not self._server.joined(self):
            self.until = _NEVER
            self._waits = True
            # Not yet: the asyncio of Python 3.11.2 begins to read after this whatever is said.
            self._loop.call_soon(self._hold)

    def begin(self) -> None:
        """It had to wait and is served now."""
        self._waits = False
        self.until = self._loop.time() + HEAD_S
        self._transport.resume_reading()

    def _hold(self) -> None:
        if self._waits:
            self._transport.pause_reading()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the loop gives it
        """Where the loop reads to."""
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came."""
        if not self._lingers:
            self._take(bytes(self._server.buffer[:nbytes]))

    def eof_received(self) -> None:
        """The caller has left; the loop then ends the connection."""
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop gives it
        """It ended."""
        self._leave()
        self._server.left(self)

    def pause_writing(self) -> None:
        """The caller takes no more for now."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """It does again, or never will."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # What the server says.

    def end(self) -> None:
        """Nothing is open: end it."""
        self._gone = True
        self.until = self._loop.time() + LINGER_S
        self._transport.close()

    def abort(self) -> None:
        """End it now."""
        self.until = _NEVER
        self._transport.abort()

    # What the application asks for.

    async def _receive(self, answer: AnswerWriter) -> Message:
        """ASGI's receive: the body as it comes, then the word that the caller has left.

        An answer that is whole is no such word: the application may have something left to do.
        """
        reader = self._reader
        while True:
            if self._answer is not answer:  # the request is over, and another one may be open
                return _DISCONNECT
            if self._body:
                body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
                self._body, self._body_bytes = [], 0
                self._told = reader.complete
                self._read_on()
                return {"type": "http.request", "body": body, "more_body": not reader.complete}
            if reader.complete and not self._told:
                self._told = True
                return {"type": "http.request", "body": b"", "more_body": False}
            if self._gone or not self._let_continue(answer):
                return _DISCONNECT
            if not reader.complete:
                self.until = self._loop.time() + BODY_S
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)
                if self._answer is answer:
                    self.until = _NEVER

    async def _send(self, answer: AnswerWriter, message: Message) -> None:
        """ASGI's send. What is sent to a caller who has left goes nowhere.

        Raises `ValueError` for headers that are none, and `RuntimeError` for a message that is not
        the answer's next one.
        """
        if self._answer is not answer:
            raise RuntimeError("the request is over")
        if message["type"] == "http.response.start":
            head = self._reader.head
            if head is not None and head.expects_continue and not self._reader.complete:
                # The body may come or not: what comes next could be either.
                answer.keep_alive = False
            answer.start(message["status"], message.get("headers", ()), int(time.time()))
            return
        data = answer.part(message.get("body", b""), more=message.get("more_body", False))
        if self._gone:
            return
        if data:
            self._transport.write(data)
        if self._writable is not None:
            # Shielded: who waits may be cancelled, and another one waits too.
            await asyncio.shield(self._writable)

    def _part_now(self, answer: AnswerWriter, body: bytes) -> bool:
        """See `PART_NOW`. Raises `RuntimeError` as `_send` does."""
        if self._answer is not answer:
            raise RuntimeError("the request is over")
        data = answer.part(body, more=True)
        if not self._gone:
            self._transport.write(data)
        return self._writable is None

    # One request after the other.

    def _take(self, data: bytes) -> None:
        reader = self._reader
        if self._gone:
            return
        try:
            body = reader.feed(data)
        except Malformed as error:
            peer = self._client[0] if self._client is not None else None
            logs.log("request_malformed", level="warning", peer=peer, why=str(error))
            self._refuse()
            return
        if reader.head is None:
            if self.until > (latest := self._loop.time() + HEAD_S):
                self.until = latest  # its head has begun, and is to be here in time
            return
        if self._task is None:
            self._begin_request(reader.head)
        if body:
            self._body.append(body)
            self._body_bytes += len(body)
        if (self._body_bytes >= WAITING_BYTES_MAX and not reader.complete) or reader.has_more:
            self._paused = True
            self._transport.pause_reading()
        if self._waiters and (body or reader.complete):
            self._wake()

    def _begin_request(self, head: Head) -> None:
        self.until = _NEVER
        keep_alive = head.keep_alive and not self._server.stopping
        self._answer = AnswerWriter(head.method, head.version, keep_alive=keep_alive)
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": head.version,
            "method": head.method,
            "scheme": "http",
            "path": _decoded(head.path),
            "raw_path": head.path,
            "query_string": head.query,
            "root_path": "",
            "headers": head.headers,
            "client": self._client,
            "server": self._own,
            "state": {},
        }
        self._task = self._loop.create_task(self._serve(scope, self._answer))

    async def _serve(self, scope: dict[str, Any], answer: AnswerWriter) -> None:
        try:
            # Bound to this request: its tasks may outlive it, and the connection has others.
            receive, send = partial(self._receive, answer), partial(self._send, answer)
            scope["extensions"] = {PART_NOW: partial(self._part_now, answer)}
            await self._server.application(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - it costs this request, not the server
            # That an answer was broken off is how applications end one that cannot be whole.
            if not isinstance(error, ConnectionError):
                logs.log("application_failed", level="error", error=repr(error))
        finally:
            self._task = None
            self._end_request(answer)

    def _end_request(self, answer: AnswerWriter) -> None:
        reader = self._reader
        self._answer = None
        self._wake()
        if self._gone:
            return
        if answer.ended and answer.keep_alive and reader.complete and not self._server.stopping:
            more = reader.has_more
            reader.next()
            self._told = False
            self._body, self._body_bytes = [], 0
            self.until = self._loop.time() + IDLE_S
            self._read_on()
            if more:
                self._loop.call_soon(self._take, b"")
            return
        if answer.is_unsent:
            self._transport.write(plain_answer(500))
        elif not answer.ended and not answer.shows_its_end:
            # Else it would look whole.
            plain = self._transport.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.abort()
            return
        self._end_politely(complete=reader.complete)

    def _refuse(self) -> None:
        """What came is no request, or none any more."""
        if self._task is None:
            self._transport.write(plain_answer(400))
            self._end_politely(complete=False)
        else:
            self._leave()
            self.abort()

    def _end_politely(self, *, complete: bool) -> None:
        """End it when all is sent; bytes that nobody reads would cost the caller the answer."""
        self.until = self._loop.time() + LINGER_S
        if complete:
            self._transport.close()
            return
        self._lingers = True
        self._read_on()
        with contextlib.suppress(OSError, RuntimeError):
            self._transport.write_eof()

    def _leave(self) -> None:
        self._gone = True
        self.resume_writing()
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _read_on(self) -> None:
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _let_continue(self, answer: AnswerWriter) -> bool:
        """Have a body sent that waits for it; False when the caller was answered instead."""
        head = self._reader.head
        if head is None or not head.expects_continue or self._reader.complete:
            return True
        if answer.started:
            return False
        self._reader.head = head._replace(expects_continue=False)
        self._transport.write(_CONTINUE)
        return True


def _pair(address: Any) -> tuple[str, int] | None:
    """Host and port, of what a socket gives."""
    return (address[0], address[1]) if isinstance(address, tuple) else None


def _decoded(path: bytes) -> str:
    if b"%" not in path:
        return path.decode("latin-1")
    from urllib.parse import unquote

    return unquote(path.decode("latin-1"), errors="replace")
