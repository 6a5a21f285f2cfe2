"""The HTTP client towards providers: pyreqwest, one pool a process, made at first use.

Read buffer 0: by default pyreqwest reads 64 KiB ahead before it hands a streamed response over,
so that a stream would arrive all at once. Redirects are not followed (a redirect would carry the
credential elsewhere); bodies are not decompressed (bytes pass untouched).

A request whose head has not come cannot be taken back: pyreqwest 0.15 leaves it running when its
coroutine is cancelled. What ends it, and so tells the provider, is the bound that each request
has as a whole. (A bound on silence would do it sooner, but takes slow readers for it.)
"""

import asyncio
from collections.abc import AsyncIterator, Generator
from datetime import timedelta
from typing import Any, NamedTuple

from common.domain.refusals import Reason
from common.providers.base import UNREACHABLE_MS, Failure, Headers

CONNECT_TIMEOUT_MS = 5_000
EVENT_TIMEOUT_MS = 30_000
POOL_IDLE_MS = 55_000
# How hyper-util names what failed; the other stage is `(SendRequest)`.
_CONNECTING = "client error (Connect)"
RESPONSE_BYTES_MAX = 64 * 1024 * 1024
# An answer that says it is no longer is read in one call.
AT_ONCE_BYTES_MAX = 1024 * 1024
# What arrived together is handed over together, up to this.
TOGETHER_BYTES_MAX = 64 * 1024


class UpstreamFailed(Exception):
    """No usable answer came; carries what that means for the account."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class StreamedBody(NamedTuple):
    """A request's body that is sent as it comes; a `length` of None is sent in chunks.

    What `chunks` raises breaks the request off before its end, and `Exchange.open` raises it.
    """

    chunks: AsyncIterator[bytes]
    length: int | None


class _BegunRead:
    """A read that was begun and found nothing yet; awaited, it goes on from there."""

    __slots__ = ("_steps", "_waits_for")

    def __init__(self, steps: Any, waits_for: Any) -> None:
        self._steps = steps
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, None, Any]:
        waits_for = self._waits_for
        while True:
            try:
                yield waits_for
            except BaseException:
                self._steps.close()
                raise
            try:
                waits_for = self._steps.send(None)
            except StopIteration as done:
                return done.value

    def close(self) -> None:
        self._steps.close()


class Exchange:
    """One request to a provider and its answer, open until `close`."""

    def __init__(self, request: Any, provider: str) -> None:
        self._request = request
        self.provider = provider
        self._reader: Any = None
        self._begun: _BegunRead | None = None
        self._ended = False
        self._error: Exception | None = None
        self.status = 0
        self.headers: list[tuple[str, str]] = []

    async def open(self) -> None:
        """Send, and wait for the answer's head. Raises `UpstreamFailed`."""
        try:
            response = await self._request.__aenter__()
        except Exception as error:
            raise _failed(error, self.provider) from error
        self._reader = response.body_reader
        self.status = response.status
        self.headers = list(response.headers.items())

    @property
    def has_head(self) -> bool:
        """Whether the answer has begun: from then on `close` tells the provider to stop."""
        return self._reader is not None

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        for candidate, value in self.headers:
            if candidate == name:
                return value
        return None

    async def read_chunk(self) -> bytes | None:
        """The next bytes as they arrive, None at the end. Raises `UpstreamFailed`.

        What is here already comes with the first: to read on costs a microsecond, to pass on fifty.
        """
        if self._ended:
            return None
        if self._error is not None:
            raise _failed(self._error, self.provider)
        begun, self._begun = self._begun, None
        try:
            chunk = await (self._reader.read_chunk() if begun is None else begun)
        except Exception as error:
            raise _failed(error, self.provider) from error
        if chunk is None:
            return None
        chunks, size = [bytes(chunk)], len(chunk)
        while size < TOGETHER_BYTES_MAX and (more := self._read_now()):
            chunks.append(more)
            size += len(more)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _read_now(self) -> bytes | None:
        """The next chunk without waiting; what else becomes of the read is told by the next one."""
        steps = self._reader.read_chunk().__await__()
        try:
            self._begun = _BegunRead(steps, steps.send(None))
        except StopIteration as done:
            if done.value is not None:
                return bytes(done.value)
            self._ended = True
        except Exception as error:  # noqa: BLE001 - what came before it is handed over first
            self._error = error
        return None

    async def read_all(self) -> bytes:
        """The whole body, bounded. Raises `UpstreamFailed`."""
        length = self.header("content-length")
        if length is not None and length.isdecimal() and int(length) <= AT_ONCE_BYTES_MAX:
            # Each chunk, and the end, would be another way between two threads.
            try:
                return bytes(await self._reader.bytes())
            except Exception as error:
                raise _failed(error, self.provider) from error
        chunks: list[bytes] = []
        size = 0
        while (chunk := await self.read_chunk()) is not None:
            chunks.append(chunk)
            size += len(chunk)
            if size > RESPONSE_BYTES_MAX:
                raise UpstreamFailed(
                    Failure(Reason.UPSTREAM_GARBAGE, f"{self.provider} answered too much")
                )
        return b"".join(chunks)

    async def close(self) -> None:
        """End the exchange; an answer that was not read to its end is cancelled upstream."""
        if self._begun is not None:
            self._begun.close()
        if self._reader is not None:
            self._reader = None
            await self._request.__aexit__(None, None, None)


class UpstreamClient:
    """Makes exchanges. Nothing is imported or connected before the first."""

    def __init__(self, connect_timeout_ms: int = CONNECT_TIMEOUT_MS) -> None:
        self._connect_timeout_ms = connect_timeout_ms
        # By their proxy; None is the way without one.
        self._clients: dict[str | None, Any] = {}

    def exchange(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | StreamedBody,
        provider: str,
        *,
        timeout_ms: int,
        proxy: str | None = None,
    ) -> Exchange:
        """Prepare one request; `Exchange.open` sends it.

        `timeout_ms` is for all of it, from the connection to the answer's last byte. A `proxy`
        that cannot be used raises `UpstreamFailed`: nothing ever goes past it.
        """
        client = self._clients.get(proxy)
        if client is None:
            client = self._clients[proxy] = self._built(proxy, provider)
        if isinstance(body, StreamedBody) and body.length is not None:
            headers = [*headers, ("content-length", str(body.length))]
        builder = client.request(method, url).headers(headers)
        builder = builder.timeout(timedelta(milliseconds=timeout_ms))
        if isinstance(body, StreamedBody):
            builder = builder.body_stream(body.chunks)
        elif body:
            builder = builder.body_bytes(body)
        return Exchange(builder.streamed_read_buffer_limit(0).build_streamed(), provider)

    async def post(self, url: str, headers: Headers, body: bytes) -> int:
        """Send an event; returns the status. Raises `UpstreamFailed`."""
        exchange = self.exchange(
            "POST", url, headers, body, "the sink", timeout_ms=EVENT_TIMEOUT_MS
        )
        try:
            await exchange.open()
            await exchange.read_all()
            return exchange.status
        finally:
            await exchange.close()

    async def close(self) -> None:
        """Close the pool."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()

    def _built(self, proxy: str | None, provider: str) -> Any:
        try:
            return _build(self._connect_timeout_ms, proxy)
        except ValueError as error:
            message = f"the egress proxy of {provider}'s account cannot be used"
            failure = Failure(Reason.UPSTREAM_UNREACHABLE, message, cooldown_ms=UNREACHABLE_MS)
            raise UpstreamFailed(failure) from error


def _build(connect_timeout_ms: int, proxy: str | None) -> Any:
    from pyreqwest.client import ClientBuilder

    builder = ClientBuilder()
    if proxy is not None:
        from pyreqwest.proxy import ProxyBuilder

        builder = builder.proxy(ProxyBuilder.all(proxy))
    return (
        builder.connect_timeout(timedelta(milliseconds=connect_timeout_ms))
        .pool_idle_timeout(timedelta(milliseconds=POOL_IDLE_MS))
        .pool_max_idle_per_host(1024)
        .max_connections(None)
        .follow_redirects(False)
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .tcp_nodelay(True)
        .build()
    )


def _failed(error: Exception, provider: str) -> UpstreamFailed:
    from pyreqwest.exceptions import RequestTimeoutError

    if isinstance(error, UpstreamFailed):
        return error
    if _was_connecting(error):
        failure = Failure(
            Reason.UPSTREAM_UNREACHABLE,
            f"{provider} could not be reached",
            cooldown_ms=UNREACHABLE_MS,
            retry_after_ms=UNREACHABLE_MS,
        )
    elif isinstance(error, RequestTimeoutError | asyncio.TimeoutError):
        failure = Failure(Reason.UPSTREAM_TIMEOUT, f"{provider} did not answer in time")
    else:
        failure = Failure(Reason.UPSTREAM_CUT, f"{provider} broke the connection off")
    return UpstreamFailed(failure)


def _was_connecting(error: Exception) -> bool:
    """Whether no connection was made. pyreqwest's `ConnectError` is also a reset after sending."""
    causes = (getattr(error, "details", None) or {}).get("causes", ())
    return any(cause["message"] == _CONNECTING for cause in causes)
