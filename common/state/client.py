"""Redis for everybody but relay's hot path: redis-py with a pool of connections.

Import time does not matter there, and a slow call delays no other. Nothing of redis-py is
imported before a client is made.
"""

import asyncio
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
    failure,
)
from common.state.in_flight import CallsInFlight
from common.state.location import Location

if TYPE_CHECKING:
    from redis.asyncio import BlockingConnectionPool

CONNECTIONS_MAX = 16
PENDING_MAX = 10_000
CONNECT_RETRIES = 1
HEALTH_CHECK_EVERY_S = 15
# How often a call is sent on by nodes of a Cluster: after a failover two may still be wrong.
MOVES_MAX = 4

_CANNOT_HAVE = "args beginning with"


class RedisPyCommands:
    """`RedisCommands` by redis.asyncio: a connection a call, at most `CONNECTIONS_MAX` of them.

    A timeout covers the whole call, waiting for a connection and connecting included. Connecting
    is retried; a call once sent is not, since it may have been executed.
    """

    def __init__(
        self,
        address: RedisAddress,
        *,
        timeout_ms: int = CALL_TIMEOUT_MS,
        connect_timeout_ms: int = CONNECT_TIMEOUT_MS,
        pending_max: int = PENDING_MAX,
    ) -> None:
        self._address = address
        self._timeout_s = timeout_ms / 1000
        self._in_flight = CallsInFlight(pending_max)
        self._location = Location(address)
        connect_timeout_s = connect_timeout_ms / 1000
        self._pool = _make_pool(address, self._location, self._timeout_s, connect_timeout_s)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        timeout_ms: int = CALL_TIMEOUT_MS,
        connect_timeout_ms: int = CONNECT_TIMEOUT_MS,
        pending_max: int = PENDING_MAX,
    ) -> Self:
        """A client of `url` (see `RedisAddress`), not connected yet. Raises `InvalidRedisURL`."""
        return cls(
            RedisAddress(url),
            timeout_ms=timeout_ms,
            connect_timeout_ms=connect_timeout_ms,
            pending_max=pending_max,
        )

    def __repr__(self) -> str:
        return f"<RedisPyCommands {self._address}>"

    async def call(self, *arguments: Argument) -> Any:
        """See `RedisCommands.call`."""
        with self._in_flight:
            return await self._execute(arguments)

    async def script(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> Any:
        """See `RedisCommands.script`."""
        command = ("EVALSHA", script.sha, len(keys), *keys, *arguments)
        with self._in_flight:
            try:
                return await self._execute(command)
            except RedisReplyError as error:
                if error.code != "NOSCRIPT":
                    raise
            await self._execute(("SCRIPT", "LOAD", script.source))
            return await self._execute(command)

    async def close(self) -> None:
        """See `RedisCommands.close`."""
        await self._in_flight.finish()
        await self._pool.aclose()

    async def _execute(self, command: tuple[Argument, ...]) -> Any:
        for _ in range(MOVES_MAX):
            try:
                return await self._send(command)
            except RedisReplyError as error:
                # Refused before it was executed, so it may be repeated.
                if not self._location.follow(str(error)):
                    raise
            except RedisUnavailable as error:
                if error.reason.startswith("READONLY"):
                    self._location.demoted()
                elif not error.sent:
                    self._location.failed()
                raise
        raise RedisUnavailable(f"{self._address}: its nodes send us on and on", sent=False)

    async def _send(self, command: tuple[Argument, ...]) -> Any:
        from redis.exceptions import RedisError

        sent = False
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
                try:
                    packed = connection.pack_command(*command)
                    await connection.check_health()
                    sent = True
                    await connection.send_packed_command(packed, check_health=False)
                    reply = await connection.read_response()
                finally:
                    # Shielded: a connection that is not given back is lost to the pool.
                    await asyncio.shield(self._pool.release(connection))
        except (TimeoutError, OSError) as error:
            raise self._unavailable(error, sent=sent) from None
        except RedisError as error:
            raise self._failure(error, sent=sent) from None
        return _with_our_errors(reply) if isinstance(reply, list) else reply

    def _failure(
        self, error: Exception, *, sent: bool
    ) -> RedisReplyError | RedisUnavailable | TypeError:
        from redis import exceptions

        if isinstance(error, exceptions.DataError):  # by pack_command: an argument's type
            return TypeError(str(error))
        if sent and (text := _reply_text(error)) is not None:
            return failure(text)
        return self._unavailable(error, sent=sent)

    def _unavailable(self, error: Exception, *, sent: bool) -> RedisUnavailable:
        from redis.exceptions import TimeoutError as RedisTimeoutError

        if isinstance(error, TimeoutError | RedisTimeoutError):
            milliseconds = round(self._timeout_s * 1000)
            return RedisUnavailable(
                f"{self._address}: no answer within {milliseconds} ms", sent=sent
            )
        text = (_reply_text(error) or str(error)).partition(_CANNOT_HAVE)[0]
        if self._address.password is not None:
            text = text.replace(self._address.password, "***")
        return RedisUnavailable(f"{self._address}: {text}", sent=sent)


def _make_pool(
    address: RedisAddress, location: Location, timeout_s: float, connect_timeout_s: float
) -> "BlockingConnectionPool":
    from redis.asyncio import BlockingConnectionPool, Connection, SSLConnection
    from redis.asyncio.connection import UnixDomainSocketConnection
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialWithJitterBackoff

    options: dict[str, Any] = {
        "db": address.database,
        "username": address.username,
        "password": address.password,
        "client_name": "relay",
        "protocol": 2,  # replies as the hot path's connection gives them
        "socket_timeout": timeout_s,
        "socket_connect_timeout": connect_timeout_s,
        "health_check_interval": HEALTH_CHECK_EVERY_S,
        "retry": Retry(ExponentialWithJitterBackoff(cap=1.0, base=0.05), CONNECT_RETRIES),
    }
    kind: type[Any] = Connection
    if address.socket_path is not None:
        kind = UnixDomainSocketConnection
        options["path"] = address.socket_path
    else:
        options |= {"host": address.host, "port": address.port, "socket_keepalive": True}
    if (tls := address.tls) is not None:
        kind = SSLConnection
        options |= {
            "ssl_ca_certs": tls.ca_file,
            "ssl_certfile": tls.certificate_file,
            "ssl_keyfile": tls.key_file,
            "ssl_cert_reqs": "required" if tls.verify else "none",
            "ssl_check_hostname": tls.check_hostname,
        }
    if location.moves:
        kind = _located(kind, location)
    return BlockingConnectionPool(
        max_connections=CONNECTIONS_MAX, timeout=timeout_s, connection_class=kind, **options
    )


def _located(kind: type[Any], location: Location) -> type[Any]:
    """A connection that finds its node each time it connects."""

    class Located(kind):  # type: ignore[misc] # a class of redis-py or its TLS twin
        generation = 0

        async def connect(self) -> None:
            # The pool calls this each time it gives a connection out.
            if self.is_connected and self.generation != location.generation:
                await self.disconnect()
            self.generation = location.generation
            await super().connect()

        async def _connect(self) -> None:
            tls = self.ssl_context.get() if hasattr(self, "ssl_context") else None
            self.host, self.port = await location.find(tls)
            await super()._connect()

    return Located


def _reply_text(error: Exception) -> str | None:
    """The error reply as Redis sent it, with the code that redis-py cuts off, or None."""
    from redis.exceptions import ResponseError

    if code := getattr(error, "status_code", None):
        return f"{code} {error}"
    return str(error) if isinstance(error, ResponseError) else None


def _with_our_errors(replies: list[Any]) -> list[Any]:
    converted: list[Any] = []
    for reply in replies:
        if isinstance(reply, list):
            converted.append(_with_our_errors(reply))
        elif isinstance(reply, Exception):
            converted.append(failure(_reply_text(reply) or str(reply)))
        else:
            converted.append(reply)
    return converted
