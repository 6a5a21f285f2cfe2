"""The hot path's client: one connection for all callers, their commands pipelined on it.

A request of relay makes two calls, and hundreds of requests are open at once. redis-py would
spend 133 microseconds of CPU a call and 170 ms of import; this spends a tenth, and milliseconds.
`client.RedisPyCommands` offers the same elsewhere.
"""

import asyncio
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from common.state.address import RedisAddress
from common.state.commands import (
    CALL_TIMEOUT_MS,
    CONNECT_TIMEOUT_MS,
    Argument,
    RedisReplyError,
    RedisUnavailable,
    Script,
)
from common.state.in_flight import CallsInFlight
from common.state.link import Link, NeverWritten, pack
from common.state.location import Location

if TYPE_CHECKING:
    import ssl

PENDING_MAX = 10_000
BACK_OFF_S_MIN = 0.05
BACK_OFF_S_MAX = 1.0
# How often a call is sent on by nodes of a Cluster: after a failover two may still be wrong.
MOVES_MAX = 4

# A peer that vanished without a word (a failed node, a NAT that forgot us) is found out while the
# connection idles, not by the next request. Seconds, seconds, probes.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


class MultiplexedConnection:
    """`RedisCommands` over one connection, made at the first call and again when it was lost.

    No call waits longer than its timeout (a connect within it included). While Redis is away,
    calls fail at once but for one attempt to connect per back-off, which those that come
    meanwhile share. A call lost after it was written fails with `sent=True`; one never written is
    repeated once on a new connection. Bound to the event loop of its first call.
    """

    def __init__(
        self,
        address: RedisAddress,
        *,
        timeout_ms: int = CALL_TIMEOUT_MS,
        connect_timeout_ms: int = CONNECT_TIMEOUT_MS,
        pending_max: int = PENDING_MAX,
        client_name: str = "relay",
    ) -> None:
        self._address = address
        self._location = Location(address)
        self._node = ("", 0)
        self._timeout_s = timeout_ms / 1000
        self._connect_timeout_s = connect_timeout_ms / 1000
        self._pending_max = pending_max
        self._client_name = client_name
        self._link: Link | None = None
        self._connecting: asyncio.Task[Link] | None = None
        self._loading: dict[str, asyncio.Task[Any]] = {}
        self._tls_context: ssl.SSLContext | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._why_down = ""
        self._in_flight = CallsInFlight(pending_max)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        timeout_ms: int = CALL_TIMEOUT_MS,
        connect_timeout_ms: int = CONNECT_TIMEOUT_MS,
        pending_max: int = PENDING_MAX,
    ) -> Self:
        """A connection to `url` (see `RedisAddress`), not made yet. Raises `InvalidRedisURL`."""
        return cls(
            RedisAddress(url),
            timeout_ms=timeout_ms,
            connect_timeout_ms=connect_timeout_ms,
            pending_max=pending_max,
        )

    def __repr__(self) -> str:
        state = "connected" if self.connected else "not connected"
        return f"<MultiplexedConnection {self._address} {state}>"

    @property
    def connected(self) -> bool:
        """Whether there is a connection now; without one, the next call makes it."""
        return self._link is not None

    async def call(self, *arguments: Argument) -> Any:
        """See `RedisCommands.call`."""
        with self._in_flight:
            return await self._execute(pack(arguments))

    async def script(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:
        """See `RedisCommands.script`."""
        packed = pack(("EVALSHA", script.sha, len(keys), *keys, *arguments))
        with self._in_flight:
            try:
                return await self._execute(packed)
            except RedisReplyError as error:
                if error.code != "NOSCRIPT":
                    raise
            await self._load(script)
            return await self._execute(packed)

    async def close(self) -> None:
        """See `RedisCommands.close`."""
        await self._in_flight.finish()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._link is not None:
            link, self._link = self._link, None
            await link.close()

    async def _execute(self, packed: bytes) -> Any:
        for _ in range(MOVES_MAX):
            try:
                return await self._submit(packed)
            except RedisReplyError as error:
                # Refused before it was executed, so it may be repeated.
                if not self._location.follow(str(error)):
                    raise
                self._go_where_it_is()
        raise RedisUnavailable(f"{self._address}: its nodes send us on and on", sent=False)

    async def _submit(self, packed: bytes) -> Any:
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        link = self._link or await self._linked(deadline)
        try:
            return await link.submit(packed, deadline)
        except NeverWritten:
            link = self._link or await self._linked(deadline)
        except RedisUnavailable as error:
            self._look_for_primary(link, error)
            raise
        try:
            return await link.submit(packed, deadline)
        except NeverWritten as error:
            raise RedisUnavailable(f"{self._address}: {error}", sent=False) from None

    async def _load(self, script: Script) -> None:
        """SCRIPT LOAD, once for all who found it missing at the same time."""
        loading = self._loading.get(script.sha)
        if loading is None:
            load = self._execute(pack(("SCRIPT", "LOAD", script.source)))
            loading = asyncio.get_running_loop().create_task(load)
            self._loading[script.sha] = loading
            loading.add_done_callback(lambda _: self._loading.pop(script.sha, None))
            loading.add_done_callback(_retrieved)
        await asyncio.shield(loading)

    async def _linked(self, deadline: float) -> Link:
        loop = asyncio.get_running_loop()
        if self._connecting is None:
            if loop.time() < self._retry_at:
                raise RedisUnavailable(self._why_down, sent=False)
            self._connecting = loop.create_task(self._connect(loop))
            self._connecting.add_done_callback(self._connect_ended)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(self._connecting)
        except TimeoutError:
            raise RedisUnavailable(f"{self._address}: not connected in time", sent=False) from None
        except RedisUnavailable as error:  # one for each who shared the attempt
            raise RedisUnavailable(error.reason, sent=False) from None

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> Link:
        link = Link(
            loop,
            timeout_s=self._timeout_s,
            pending_max=self._pending_max,
            when_lost=self._lost,
        )
        reason = "cancelled"
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await self._open_transport(loop, link)
                await self._greet(link, loop.time() + self._connect_timeout_s)
            reason = ""
        except TimeoutError:
            reason = f"no connection within {round(self._connect_timeout_s * 1000)} ms"
        except (OSError, ValueError, NeverWritten) as error:
            # ValueError: a host name that IDNA cannot encode, a path with a zero byte.
            reason = str(error)
        except RedisUnavailable as error:
            reason = error.reason
        finally:
            if reason:
                link.drop(reason)
        if reason:
            self._why_down = f"{self._address}: {reason}"
            self._location.failed()
            self._back_off()
            raise RedisUnavailable(self._why_down, sent=False)
        link.served = False
        self._link = link
        return link

    def _connect_ended(self, task: asyncio.Task[Link]) -> None:
        self._connecting = None
        _retrieved(task)

    async def _open_transport(self, loop: asyncio.AbstractEventLoop, link: Link) -> None:
        address = self._address
        if address.socket_path is not None:
            await loop.create_unix_connection(lambda: link, address.socket_path)
            return
        tls = self._tls()
        self._node = host, port = await self._location.find(tls)
        transport, _ = await loop.create_connection(lambda: link, host, port, ssl=tls)
        if (opened := transport.get_extra_info("socket")) is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _KEEPALIVE.items():
                if (option := getattr(socket, name, None)) is not None:
                    opened.setsockopt(socket.IPPROTO_TCP, option, value)

    def _tls(self) -> "ssl.SSLContext | None":
        options = self._address.tls
        if options is None or self._tls_context is not None:
            return self._tls_context
        import ssl

        try:
            context = ssl.create_default_context(cafile=options.ca_file)
            if options.certificate_file is not None:
                context.load_cert_chain(options.certificate_file, options.key_file)
        except OSError as error:
            raise OSError(f"a file named by ssl_… in the URL cannot be used: {error}") from None
        context.check_hostname = options.check_hostname
        context.verify_mode = ssl.CERT_REQUIRED if options.verify else ssl.CERT_NONE
        self._tls_context = context
        return context

    async def _greet(self, link: Link, deadline: float) -> None:
        """Authenticate, choose the database, say who we are: one round trip."""
        address = self._address
        commands: list[tuple[Argument, ...]] = []
        if address.password is not None and address.username is not None:
            commands.append(("AUTH", address.username, address.password))
        elif address.password is not None:
            commands.append(("AUTH", address.password))
        if address.database:
            commands.append(("SELECT", address.database))
        if address.kind == "sentinel":  # which may not have noticed yet that the primary changed
            commands.append(("ROLE",))
        commands.append(("CLIENT", "SETNAME", self._client_name))
        answers = await asyncio.gather(
            *[link.submit(pack(command), deadline) for command in commands],
            return_exceptions=True,
        )
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, RedisReplyError):
                _refuse(str(command[0]), answer)
            elif isinstance(answer, BaseException):
                raise answer
            elif command[0] == "ROLE" and answer[0] != b"master":
                raise RedisUnavailable("the node that Sentinel names is no primary", sent=False)

    def _look_for_primary(self, link: Link, error: RedisUnavailable) -> None:
        """After a failover the old primary is read-only: the name may lead to the new one."""
        if error.reason.startswith("READONLY") and self._link is link:
            self._link = None
            self._why_down = f"{self._address}: {error.reason}"
            self._back_off()
            link.retire()

    def _go_where_it_is(self) -> None:
        """Leave a node of a Cluster that sent us on; the next call connects to the right one."""
        if self._link is not None and self._node != self._location.moved_to:
            link, self._link = self._link, None
            self._retry_at = 0.0
            link.retire()

    def _lost(self, link: Link, reason: str) -> None:
        if self._link is not link:
            return
        self._link = None
        self._why_down = f"{self._address}: {reason}"
        if link.served:
            self._failures, self._retry_at = 0, 0.0
        else:
            self._back_off()

    def _back_off(self) -> None:
        self._failures += 1
        longest = min(BACK_OFF_S_MAX, BACK_OFF_S_MIN * 2 ** min(self._failures - 1, 10))
        # Jitter, so that many processes do not come back in step; importing random costs 3 ms.
        share = int.from_bytes(os.urandom(2), "big") / 0xFFFF
        self._retry_at = asyncio.get_running_loop().time() + longest * (0.5 + share / 2)


def _refuse(command: str, error: RedisReplyError) -> None:
    """Raise `RedisUnavailable` for a refused greeting; unless it only was our name."""
    if error.code == "NOAUTH":
        raise RedisUnavailable("Redis wants a password, and the URL has none", sent=False)
    if command == "AUTH":
        # The server's text may repeat arguments ("ERR unknown command `AUTH`, with args …").
        known = error.code == "WRONGPASS" or "max number of clients" in str(error)
        raise RedisUnavailable(
            f"Redis refused the user name or password: {error if known else error.code}", sent=False
        )
    if command == "SELECT":
        raise RedisUnavailable(f"Redis refused the database: {error}", sent=False)


def _retrieved(task: asyncio.Task[Any]) -> None:
    """Mark the outcome as seen: everybody who waited may have been cancelled."""
    if not task.cancelled():
        task.exception()
