"""One HTTP/1.1 exchange with a function, over a connection of its own.

A connection for each request is cheap on the loopback interface, and leaves no doubt: a refused
one was never sent and may be tried again; an aborted one tells the function that the caller has
gone. h11 does the protocol (RFC 9112). pyreqwest, which `relay` uses towards providers, goes on
waiting for the response's head after it was cancelled (0.15.1), so callers who leave early would
stay unknown to the functions.
"""

import asyncio
import contextlib
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
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        """Connect; while refused, again for a few seconds. Raises `UpstreamAway`."""
        give_up_at = time.monotonic() + RECONNECT_S_MAX
        while True:
            try:
                connecting = asyncio.open_connection(self._host, self._port, limit=_READ_BYTES)
                self._reader, self._writer = await connecting
            except OSError as error:
                if time.monotonic() > give_up_at:
                    raise UpstreamAway from error
                await asyncio.sleep(_RECONNECT_PAUSE_S)
            else:
                return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close at once: nothing of ours is left unsent when the answer is complete."""
        self.abort()

    def abort(self) -> None:
        """Close; the function sees that the caller has gone, `answer` and `chunks` end."""
        self._writer.transport.abort()

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
                self._protocol.receive_data(await self._reader.read(_READ_BYTES))
        except (OSError, h11.RemoteProtocolError) as error:
            raise UpstreamLost from error
        if isinstance(event, h11.ConnectionClosed):
            raise UpstreamLost
        return event

    async def _write(self, data: bytes | None) -> None:
        # A function that refused early closes its side; its answer is still there to be read.
        with contextlib.suppress(ConnectionError):
            if data:
                self._writer.write(data)
                await self._writer.drain()
