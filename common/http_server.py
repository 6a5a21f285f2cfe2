"""The server of all functions: an ASGI application over HTTP/1.1, in the loop it runs on.

A server in threads of its own costs two switches a message, and a stream has many. What it is made
for stands behind a proxy (Knative's, nginx), which ends TLS and speaks HTTP/2 to callers.

Back-pressure both ways: nothing more of a body is read while the application has not taken what is
here, and `send` waits while the caller does not take what was sent.
"""

import asyncio
import socket
from collections import deque

from common.http_caller import Application, CallerConnection

READ_BYTES = 64 * 1024
TICK_S = 1.0


class HTTPServer:
    """Serves an ASGI application on the running loop."""

    def __init__(
        self, application: Application, host: str, port: int, *, backlog: int, requests_max: int
    ) -> None:
        """At most `requests_max` connections are served at once; further ones wait."""
        self.application = application
        self.stopping = False
        self.buffer = memoryview(bytearray(READ_BYTES))
        self._address = (host, port)
        self._backlog = backlog
        self._requests_max = requests_max
        self._connections: set[CallerConnection] = set()
        self._waiting: deque[CallerConnection] = deque()
        self._listening: asyncio.Server | None = None
        self._changed = asyncio.Event()

    async def serve(self) -> None:
        """Serve until `stop` was called and every open request ended.

        Raises `OSError` when the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        listener = _listener(*self._address)
        self._listening = await loop.create_server(
            lambda: CallerConnection(self), sock=listener, backlog=self._backlog
        )
        tick = loop.create_task(self._tick())
        try:
            while not self.stopping or self._connections:
                self._changed.clear()
                await self._changed.wait()
        finally:
            tick.cancel()
            self._listening.close()

    def stop(self) -> None:
        """Take no new connection; `serve` returns when the last open request ended."""
        self.stopping = True
        if self._listening is not None:
            self._listening.close()
        for connection in list(self._connections):
            if not connection.busy:
                connection.end()
        self._changed.set()

    def joined(self, connection: "CallerConnection") -> bool:
        """A connection was made; whether it is served at once."""
        self._connections.add(connection)
        if len(self._connections) - len(self._waiting) <= self._requests_max:
            return True
        self._waiting.append(connection)
        return False

    def left(self, connection: "CallerConnection") -> None:
        """A connection ended."""
        self._connections.discard(connection)
        if connection in self._waiting:
            self._waiting.remove(connection)
        elif self._waiting:
            self._waiting.popleft().begin()
        if self.stopping:
            self._changed.set()

    async def _tick(self) -> None:
        """End what waited too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            for connection in list(self._connections):
                if connection.until < now:
                    connection.abort()


def _listener(host: str, port: int) -> socket.socket:
    """Bound, not listening yet. Raises `OSError`."""
    # As bytes: else it is encoded by IDNA, whose tables are a megabyte to load.
    name = host.encode() or None
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # `::` is every address, of IPv4 too
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
