"""The client for accounts behind an egress proxy: pyreqwest, which speaks HTTP and SOCKS to them.

It is imported and built at the first such exchange; `direct` is several times cheaper. Read buffer
0: by default pyreqwest reads 64 KiB ahead before it hands a streamed response over, so that a
stream would arrive all at once. Redirects are not followed (a redirect would carry the credential
elsewhere); bodies are not decompressed (bytes pass untouched).

A request whose head has not come cannot be taken back: pyreqwest 0.15 leaves it running when its
coroutine is cancelled. What ends it, and so tells the provider, is the bound that each request
has as a whole. (A bound on silence would do it sooner, but takes slow readers for it.)
"""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import RequestTimeoutError
from pyreqwest.proxy import ProxyBuilder

from common.providers.base import Headers
from common.providers.connections import POOL_IDLE_S
from common.providers.exchange import (
    TOGETHER_BYTES_MAX,
    Exchange,
    NotConnected,
    StreamedBody,
    UpstreamFailed,
    failed,
)

# How hyper-util names what failed; the other stage is `(SendRequest)`.
_CONNECTING = "client error (Connect)"


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


class ProxiedExchange(Exchange):
    """An exchange through pyreqwest."""

    def __init__(self, request: Any, provider: str) -> None:
        super().__init__(provider)
        self._request = request
        self._reader: Any = None
        self._begun: _BegunRead | None = None
        self._ended = False
        self._error: Exception | None = None

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

    async def close(self) -> None:
        """End the exchange; an answer that was not read to its end is cancelled upstream."""
        if self._begun is not None:
            self._begun.close()
        if self._reader is not None:
            self._reader = None
            await self._request.__aexit__(None, None, None)


class ProxiedClient:
    """One pool for one way out: a proxy's address, or None for what the environment says."""

    def __init__(self, connect_timeout_s: float, proxy: str | None) -> None:
        """Raises `ValueError` when the address is none of a proxy."""
        builder = (
            ClientBuilder()
            .connect_timeout(timedelta(seconds=connect_timeout_s))
            .pool_idle_timeout(timedelta(seconds=POOL_IDLE_S))
            .pool_max_idle_per_host(1024)
            .max_connections(None)
            .follow_redirects(False)
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
            .tcp_nodelay(True)
        )
        if proxy is not None:
            builder = builder.proxy(ProxyBuilder.all(proxy))
        self._client = builder.build()

    def exchange(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | StreamedBody,
        provider: str,
        timeout_s: float,
    ) -> ProxiedExchange:
        """Prepare one request; see `UpstreamClient.exchange`."""
        if isinstance(body, StreamedBody) and body.length is not None:
            headers = [*headers, ("content-length", str(body.length))]
        builder = self._client.request(method, url).headers(headers)
        builder = builder.timeout(timedelta(seconds=timeout_s))
        if isinstance(body, StreamedBody):
            builder = builder.body_stream(body.chunks)
        elif body:
            builder = builder.body_bytes(body)
        return ProxiedExchange(builder.streamed_read_buffer_limit(0).build_streamed(), provider)

    async def close(self) -> None:
        """Close the pool."""
        await self._client.close()


def _failed(error: Exception, provider: str) -> UpstreamFailed:
    if _was_connecting(error):
        return failed(NotConnected(), provider)
    return failed(TimeoutError() if isinstance(error, RequestTimeoutError) else error, provider)


def _was_connecting(error: Exception) -> bool:
    """Whether no connection was made. pyreqwest's `ConnectError` is also a reset after sending."""
    causes = (getattr(error, "details", None) or {}).get("causes", ())
    return any(cause["message"] == _CONNECTING for cause in causes)
