"""Connections to providers within the event loop, and the pool in which they rest."""

import asyncio
import contextlib
import select
import socket
from typing import Any, Protocol

from common.domain.http_addresses import is_metadata
from common.providers.deadlines import Deadlines
from common.providers.exchange import NotConnected

POOL_IDLE_S = 55.0
# The second of a host's addresses is tried beside the first after so long (RFC 8305).
NEXT_ADDRESS_S = 0.25
READ_BYTES = 64 * 1024
# A dead peer behind a silent network is noticed within two minutes.
_KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))

# Host, port, and whether it is TLS.
Origin = tuple[str, int, bool]


class User(Protocol):
    """Who uses a connection and is told what becomes of it."""

    def arrived(self, data: bytes) -> None:
        """These bytes came."""

    def cut(self, error: BaseException | None) -> None:
        """Nothing more comes; told at least once, unless the user went first.

        Without an `error` the peer itself said so: only then was it all.
        """


class Pool:
    """The connections that rest between two exchanges, the last used first."""

    def __init__(self, connect_timeout_s: float) -> None:
        self._connect_timeout_s = connect_timeout_s
        self.loop = asyncio.get_running_loop()
        self.deadlines = Deadlines(self.loop)
        self._resting: dict[Origin, list[Connection]] = {}
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._closed = False
        # Each read is taken out of it at once, so all connections read into one.
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._tls: Any = None

    def take(self, origin: Origin) -> "Connection | None":
        """One that rests and can be used."""
        resting = self._resting.get(origin)
        while resting:
            connection = resting.pop()
            if connection.is_usable(self.loop.time()):
                return connection
            connection.abort()
        return None

    async def connect(self, origin: Origin, within_s: float) -> "Connection":
        """A new one. Raises `NotConnected`."""
        host, port, tls = origin
        try:
            async with asyncio.timeout(min(within_s, self._connect_timeout_s)):
                transport, connection = await self.loop.create_connection(
                    lambda: Connection(self, origin, self._buffer),
                    host,
                    port,
                    ssl=self._tls_context() if tls else None,
                    happy_eyeballs_delay=NEXT_ADDRESS_S,
                )
        except (OSError, ValueError) as error:  # a name that is none is a ValueError
            raise NotConnected(str(error) or type(error).__name__) from error
        # Addresses are checked as they are written; a name may lead there all the same.
        if is_metadata((transport.get_extra_info("peername") or ("",))[0]):
            connection.abort()
            raise NotConnected("it leads to a link-local address or a cloud's metadata service")
        return connection

    def put(self, connection: "Connection") -> None:
        """Keep it for the next exchange."""
        if self._closed:
            connection.abort()
            return
        connection.rests_since = self.loop.time()
        self._resting.setdefault(connection.origin, []).append(connection)
        if self._sweep_timer is None:
            self._sweep_timer = self.loop.call_later(POOL_IDLE_S, self._sweep)

    def forget(self, connection: "Connection") -> None:
        """It ended while it rested."""
        with contextlib.suppress(KeyError, ValueError):
            self._resting[connection.origin].remove(connection)

    def close(self) -> None:
        """End those that rest; what is in use ends with its exchange."""
        self._closed = True
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for resting in self._resting.values():
            for connection in resting:
                connection.abort()
        self._resting = {}

    def _sweep(self) -> None:
        """End those that rested too long; they stand in front."""
        self._sweep_timer = None
        latest = self.loop.time() - POOL_IDLE_S
        for origin, resting in list(self._resting.items()):
            while resting and resting[0].rests_since <= latest:
                resting.pop(0).abort()
            if not resting:
                del self._resting[origin]
        if self._resting:
            first = min(resting[0].rests_since for resting in self._resting.values())
            self._sweep_timer = self.loop.call_at(first + POOL_IDLE_S, self._sweep)

    def _tls_context(self) -> Any:
        if self._tls is None:
            import ssl
            from asyncio import sslproto

            # Each connection has a buffer of this size, by default 256 KiB.
            sslproto.SSLProtocol.max_size = READ_BYTES
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


class Connection(asyncio.BufferedProtocol):
    """One connection to a provider, which serves one exchange at a time."""

    def __init__(self, pool: Pool, origin: Origin, buffer: memoryview) -> None:
        self.pool = pool
        self.origin = origin
        self.rests_since = 0.0
        self.user: User | None = None
        self.lost = False
        self._buffer = buffer
        self._transport: Any = None
        self._writable: asyncio.Future[None] | None = None
        self._look: Any = None

    def connection_made(self, transport: Any) -> None:
        """The loop's word that it stands."""
        self._transport = transport
        with contextlib.suppress(OSError, AttributeError):
            plain = transport.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _KEEP_ALIVE:
                plain.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the loop reads to."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came."""
        if self.user is None:
            # Nobody asked: it answers the next one wrongly, or is about to end.
            self.abort()
        else:
            self.user.arrived(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> None:
        """Nothing more comes; the loop then ends the connection."""
        if self.user is not None:
            self.user.cut(None if self._is_end_said() else _unsaid())

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        self.lost = True
        self.resume_writing()
        if self.user is not None:
            self.user.cut(exc or _unsaid())  # nothing new after the peer's own word
        else:
            self.pool.forget(self)

    def pause_writing(self) -> None:
        """The peer takes no more for now."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It does again, or never will."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def write(self, data: bytes) -> None:
        """Send; what the socket does not take waits in memory."""
        self._transport.write(data)

    async def until_writable(self) -> None:
        """Wait until what waits in memory is little."""
        if self._writable is not None:
            await self._writable

    def pause_reading(self) -> None:
        """Leave what comes in the socket."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    @property
    def is_ending(self) -> bool:
        """Whether it is over for who would write: then the last write sent nothing."""
        return self.lost or bool(self._transport.is_closing())

    @property
    def has_sent_all(self) -> bool:
        """Whether nothing waits in memory to be sent."""
        return not self._transport.get_write_buffer_size()

    def is_usable(self, now_s: float) -> bool:
        """Whether it still stands, as far as can be known."""
        if self.is_ending or now_s - self.rests_since > POOL_IDLE_S:
            return False
        # What is here and not read yet is its end, or would be taken for the next answer.
        if self._look is None:
            self._look = select.poll()
            plain = self._transport.get_extra_info("socket")
            self._look.register(plain.fileno(), select.POLLIN)
        return not self._look.poll(0)

    def abort(self) -> None:
        """End it now."""
        self.user = None
        self._transport.abort()

    def _is_end_said(self) -> bool:
        """Whether the end is the peer's: without TLS's word for it, anybody on the way could."""
        tls = self._transport.get_extra_info("ssl_object")
        try:
            return tls is None or tls.read(1) == b""
        except OSError:
            return False


def _unsaid() -> ConnectionError:
    return ConnectionAbortedError("it ended without a word")
