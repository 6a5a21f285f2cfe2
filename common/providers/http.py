"""The HTTP client towards providers: one pool a process, made at first use.

Exchanges are made within the event loop (`direct`); those of accounts behind an egress proxy, or
of a process whose environment names one for all, by pyreqwest (`proxied`). Neither follows
redirects or decompresses.
"""

from typing import TYPE_CHECKING

from common.domain.refusals import Reason
from common.http1.asking import address_of
from common.providers.base import UNREACHABLE_MS, Call, Failure, Headers
from common.providers.connections import Pool
from common.providers.direct import DirectExchange
from common.providers.exchange import Exchange, NotConnected, StreamedBody, UpstreamFailed, failed
from common.settings import variable

if TYPE_CHECKING:
    from common.providers.proxied import ProxiedClient

__all__ = ("Exchange", "StreamedBody", "UpstreamClient", "UpstreamFailed")

CONNECT_TIMEOUT_MS = 5_000
EVENT_TIMEOUT_MS = 30_000
# By which many programs are told of a proxy for all that they ask; pyreqwest reads them itself.
PROXY_VARIABLES = (
    *("http_proxy", "https_proxy", "all_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
)


class UpstreamClient:
    """Makes exchanges. Nothing is imported or connected before the first."""

    def __init__(self, connect_timeout_ms: int = CONNECT_TIMEOUT_MS) -> None:
        self._connect_timeout_s = connect_timeout_ms / 1000
        self._by_environment = any(variable(name) for name in PROXY_VARIABLES)
        self._pool: Pool | None = None
        self._proxied: dict[str | None, ProxiedClient] = {}

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
        that cannot be used raises `UpstreamFailed`, as does a URL that leads nowhere: nothing ever
        goes past it. Raises `ValueError` for headers that are none.
        """
        timeout_s = timeout_ms / 1000
        if proxy is not None or self._by_environment:
            client = self._client_by(proxy, provider)
            return client.exchange(method, url, headers, body, provider, timeout_s)
        try:
            request = method, address_of(url), headers
        except ValueError:
            raise failed(NotConnected(), provider) from None
        if self._pool is None:
            self._pool = Pool(self._connect_timeout_s)
        return DirectExchange(self._pool, request, body, provider, timeout_s)

    def call(
        self, call: Call, provider: str, *, timeout_ms: int, body: StreamedBody | None = None
    ) -> Exchange:
        """What a provider is asked by an account, on the account's own way out; see `exchange`.

        `body` is one that is sent as it arrives, instead of the call's.
        """
        return self.exchange(
            call.method,
            call.url,
            call.headers,
            call.body if body is None else body,
            provider,
            timeout_ms=timeout_ms,
            proxy=call.proxy,
        )

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
        """Close the pools."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        for client in self._proxied.values():
            await client.close()
        self._proxied = {}

    def _client_by(self, proxy: str | None, provider: str) -> "ProxiedClient":
        if (client := self._proxied.get(proxy)) is None:
            from common.providers.proxied import ProxiedClient

            try:
                client = self._proxied[proxy] = ProxiedClient(self._connect_timeout_s, proxy)
            except ValueError as error:
                message = f"the egress proxy of {provider}'s account cannot be used"
                failure = Failure(Reason.UPSTREAM_UNREACHABLE, message, UNREACHABLE_MS)
                raise UpstreamFailed(failure) from error
        return client
