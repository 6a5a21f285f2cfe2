"""HTTP/1.1 (RFC 9112) over asyncio streams: the server's side of one connection."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from echo_provider.refusals import Refusal

HEAD_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = 32 * 1024 * 1024
# How long a client has to read what was sent before a reset: it may drop what is still unread.
RESET_PAUSE_S = 0.02
# How long a client that is refused may still be sending.
DROP_S_MAX = 2.0

Headers = list[tuple[str, str]]


class ClientGone(Exception):
    """The client has closed the connection, or broken it off."""


@dataclass(slots=True)
class Request:
    """A request with its whole body; the names in `headers` are in lower case.

    `raw_path` is the path as it was sent, which is what a signature covers.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    keep_alive: bool
    raw_path: str = ""
    body: bytes = b""


class Connection:
    """One connection. All that write raise `ClientGone` once the client has left."""

    def __init__(self, reader: asyncio.StreamReader, gone: asyncio.Event) -> None:
        self._reader = reader
        self.gone = gone
        self.writer: asyncio.StreamWriter

    async def read_head(self) -> Request | None:
        """The next request, without its body; None when the client has closed the connection.

        Raises `Refusal` for what cannot be read, after which nothing more can be.
        """
        try:
            return _parse_head(await self._reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError as error:
            raise Refusal(431, "echo: the request's head is too large") from error
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def read_body(self, request: Request) -> None:
        """Fill in the body.

        Raises `Refusal` when it is too large or malformed, `ClientGone` when it ends early.
        """
        try:
            await self._read_body(request)
        except asyncio.LimitOverrunError as error:
            raise Refusal(400, "echo: a chunk without a size") from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise ClientGone from error

    async def drop_input(self) -> None:
        """Say that nothing more comes, and read what is still sent, for a short while.

        Closing at once would make a reset of it, which may take the answer from the client.
        """
        await self.flush()
        with contextlib.suppress(TimeoutError, ConnectionError):
            self.writer.write_eof()
            async with asyncio.timeout(DROP_S_MAX):
                while await self._reader.read(HEAD_BYTES_MAX):
                    pass

    async def _read_body(self, request: Request) -> None:
        encoding = request.headers.get("transfer-encoding")
        length = request.headers.get("content-length", "0")
        if encoding is None and length == "0":
            return
        if request.headers.get("expect", "").lower() == "100-continue":
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if encoding is None:
            if not (length.isascii() and length.isdecimal()):
                raise Refusal(400, f"echo: content-length {length!r}")
            _check_size(int(length))
            request.body = await self._reader.readexactly(int(length))
        elif encoding.lower() == "chunked":
            request.body = await self._read_chunks()
        else:
            raise Refusal(501, f"echo: transfer-encoding {encoding!r}")

    async def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            line = await self._reader.readuntil(b"\r\n")
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError as error:
                raise Refusal(400, "echo: a chunk without a size") from error
            if size == 0:
                break
            _check_size(len(body) + size)
            body += await self._reader.readexactly(size)
            if await self._reader.readexactly(2) != b"\r\n":
                raise Refusal(400, "echo: a chunk longer than its size")
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass  # trailers
        return bytes(body)

    async def write(self, data: bytes) -> None:
        """Send, and wait while the client is slow to read."""
        if self.gone.is_set():
            raise ClientGone
        self.writer.write(data)
        try:
            await self.writer.drain()
        except ConnectionError as error:
            raise ClientGone from error

    async def write_whole(
        self, status: int, headers: Iterable[tuple[str, str]], body: bytes
    ) -> None:
        """Send an answer with its length."""
        length = ("content-length", str(len(body)))
        await self.write(_head(status, [*headers, length]) + body)

    async def write_head(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send a head alone."""
        await self.write(_head(status, headers))

    async def flush(self) -> None:
        """Wait until all is handed to the kernel."""
        transport = self.writer.transport
        if not transport.get_write_buffer_size():
            return
        transport.set_write_buffer_limits(0)
        await self.write(b"")
        transport.set_write_buffer_limits()

    async def pause(self, seconds: float) -> None:
        """Wait; raises `ClientGone` as soon as the client leaves."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        if self.gone.is_set():
            raise ClientGone

    async def wait_until_gone(self) -> None:
        """Be silent for as long as the client stays."""
        await self.gone.wait()

    async def reset(self) -> None:
        """Break the connection off with a TCP reset."""
        await self.flush()
        await self.pause(RESET_PAUSE_S)
        # Lingering for no time makes the kernel send RST instead of FIN (socket(7)).
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


class _Protocol(asyncio.StreamReaderProtocol):
    """Says when the client has left, which a reader alone says only to who reads."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        gone: asyncio.Event,
        callback: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
    ) -> None:
        super().__init__(reader, callback)
        self._gone = gone

    def eof_received(self) -> bool | None:
        self._gone.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        super().connection_lost(exc)


def connection_protocol(
    serve: Callable[[Connection], Coroutine[Any, Any, None]],
) -> asyncio.Protocol:
    """What `loop.create_server` needs for a new connection, which `serve` then serves."""
    reader = asyncio.StreamReader(limit=HEAD_BYTES_MAX)
    gone = asyncio.Event()
    connection = Connection(reader, gone)

    def connected(
        _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Coroutine[Any, Any, None]:
        connection.writer = writer
        return serve(connection)

    return _Protocol(reader, gone, connected)


def _parse_head(head: bytes) -> Request:
    lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, _, rest = lines[0].partition(" ")
    target, _, version = rest.partition(" ")
    if version not in {"HTTP/1.1", "HTTP/1.0"}:
        raise Refusal(400, "echo: no HTTP/1.1 request line")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name[-1] in " \t":
            raise Refusal(400, f"echo: no header: {line[:80]!r}")
        name = name.lower()
        value = value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    url = urlsplit(target)
    keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return Request(method, unquote(url.path), url.query, headers, keep_alive, url.path)


def _check_size(size: int) -> None:
    if size > BODY_BYTES_MAX:
        raise Refusal(413, f"echo: the request has more than {BODY_BYTES_MAX} bytes")


def _head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n{lines}\r\n".encode(
        "latin-1", "replace"
    )


_REASONS = {status.value: status.phrase for status in HTTPStatus}
