"""One HTTP/1.1 exchange with a function, over a connection of its own.

A connection for each request is cheap on the loopback interface, and leaves no doubt: a refused
one was never sent and may be tried again; an aborted one tells the function that the caller has
gone. h11 does the protocol (RFC 9112). pyreqwest, which `relay` uses towards providers, goes on
waiting for the response's head after it was cancelled (0.15.1), so callers who leave early would
stay unknown to the functions.

A plain socket, no asyncio transport: a function that refuses a body early closes while more of it
is on its way, and a transport whose write fails throws away the answer that waits to be read.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import h11

_READ_BYTES = 64 * 1024
_HEAD_BYTES_MAX = 256 * 1024
RECONNECT_S_MAX = 5.0
_RECONNECT_PAUSE_S = 0.05


class UpstreamAway(Exception):
    """The function takes no connections; the request was not sent."""


class UpstreamLost(Exception):
    """The function closed the connection before its answer was whole."""


class Upstream:
    """The connection, as a context manager; leaving it aborts what is not complete.

    `request`, then `answer` and `chunks`; meanwhile another task may `send` the body.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or 80
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES_MAX)
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket
        self._sending = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Connect; while refused, again for a few seconds. Raises `UpstreamAway`."""
        give_up_at = time.monotonic() + RECONNECT_S_MAX
        while True:
            self._socket = socket.socket()
            self._socket.setblocking(False)
            try:
                await self._loop.sock_connect(self._socket, (self._host, self._port))
            except OSError as error:
                self._socket.close()
                if time.monotonic() > give_up_at:
                    raise UpstreamAway from error
                await asyncio.sleep(_RECONNECT_PAUSE_S)
            except asyncio.CancelledError:
                self._socket.close()
                raise
            else:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close at once: nothing of ours is left unsent when the answer is complete."""
        self.abort()
        async with self._sending:  # the loop must not watch a socket that is closed
            self._socket.close()

    def abort(self) -> None:
        """The function sees that the caller has gone; `answer`, `chunks` and `send` end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    async def request(
        self, method: str, target: bytes, headers: list[tuple[str, str]], *, has_body: bool
    ) -> None:
        """Send the head. Raises `ValueError` for a header that HTTP/1.1 cannot carry."""
        all_headers = [("host", f"{self._host}:{self._port}"), *headers, ("connection", "close")]
        if has_body and not any(name.lower() == "content-length" for name, _ in headers):
            all_headers.append(("transfer-encoding", "chunked"))
        try:
            head = h11.Request(method=method, target=target, headers=all_headers)
            await self._write(self._protocol.send(head))
        except h11.LocalProtocolError as error:
            raise ValueError(str(error)) from error

    async def send(self, chunk: bytes | None) -> None:
        """Send a piece of the body, None for its end; waits for a slow function."""
        event = h11.EndOfMessage() if chunk is None else h11.Data(data=chunk)
        await self._write(self._protocol.send(event))

    async def answer(self) -> tuple[int, list[tuple[str, str]]]:
        """Status and headers. Raises `UpstreamLost`."""
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers]
                return event.status_code, headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises `UpstreamLost` when it breaks off."""
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return

    async def _next_event(self) -> object:
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                data = await self._loop.sock_recv(self._socket, _READ_BYTES)
                self._protocol.receive_data(data)
        except (OSError, h11.RemoteProtocolError) as error:
            raise UpstreamLost from error
        if isinstance(event, h11.ConnectionClosed):
            raise UpstreamLost
        return event

    async def _write(self, data: bytes | None) -> None:
        # A function that refused early closes its side; its answer is still there to be read.
        with contextlib.suppress(OSError):
            async with self._sending:
                await self._loop.sock_sendall(self._socket, data or b"")
