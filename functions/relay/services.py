"""What lives as long as the process: connections, snapshots, open requests, background work.

Nothing connects before its first use: the first request pays for what it needs, not the start.
"""

import asyncio
from collections.abc import Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Any

from common import draining, secrets
from common.domain.price_history import DatedBook, PriceHistory
from common.domain.prices import InvalidPriceBook, PriceBook
from common.domain.routing_table import EMPTY_TABLE
from common.events.emit import Emitter
from common.identifiers import new_ulid, now_ms
from common.keyring import Keyring
from common.price_book import imported_books, overridden_price_book
from common.providers.http import UpstreamClient
from common.settings import RelaySettings, relay_settings
from common.state.admission import Admission
from common.state.connection import MultiplexedConnection
from common.state.projection import read_prices, read_routing
from common.state.stored_responses import StoredResponses
from common.telemetry import catalogue, logs
from functions.relay.able_accounts import AbleAccounts
from functions.relay.account_health import AccountHealth
from functions.relay.heartbeat import Heartbeat
from functions.relay.key_lookup import KeyLookup
from functions.relay.latencies import Latencies
from functions.relay.snapshots import Snapshots
from functions.relay.token_estimates import TokenEstimates
from functions.relay.watching import Watches

if TYPE_CHECKING:
    from common.job_settlement import JobSettlement
    from common.pii.finder import PiiFinder
    from common.state.jobs import Jobs
    from common.state.response_cache import ResponseCache
    from common.state.sticky_sessions import StickySessions
    from functions.relay.flights import Flights

EMIT_S_MAX = 4.0
# What is read for its figures alone ends this much earlier, to be settled like the rest.
DRAIN_RESERVE_S = 2.0
# How many of the requests that could not be settled are named in the log.
NAMED_MAX = 20


class Services:
    """The parts of `relay`, made once, from settings."""

    def __init__(self, settings: RelaySettings) -> None:
        self.settings = settings
        self.redis = MultiplexedConnection.from_url(settings.redis_url)
        self.admission = Admission(self.redis, settings.state_prefix)
        self.stored = StoredResponses(self.redis, settings.state_prefix)
        self.upstream = UpstreamClient(settings.connect_timeout_s * 1000)
        self.keyring = Keyring(settings.encryption_keys, settings.internal_secret)
        self.snapshots = Snapshots(
            settings.accounts,
            self.keyring,
            settings.budget_thresholds,
            default_token_limit=settings.default_token_limit,
        )
        self.account_health = AccountHealth(
            self.redis, settings.state_prefix, self.run_in_background
        )
        self._own_book = overridden_price_book(settings.price_book_directory)
        self._history = PriceHistory([DatedBook(0, self._own_book)], [])
        self._prices_version = 0
        self.routing = EMPTY_TABLE
        self._routing_version = 0
        self.estimates = TokenEstimates()
        self.latencies = Latencies()
        self.able = AbleAccounts()
        self.events_key = secrets.derive(settings.internal_secret, "usage-events")
        self.heartbeat = Heartbeat(self)
        self.watches = Watches()
        self.key_lookup = KeyLookup(self)
        self.emitter = self._make_emitter()
        self._events_counted: dict[str, int] = {}
        self._background: set[asyncio.Task[Any]] = set()
        # The ids of requests that are over and not in the outbox yet.
        self.unsettled: set[str] = set()
        # How many requests wait for a limit of concurrency.
        self.waiting = 0

    @property
    def prices(self) -> PriceBook:
        """The prices that hold now."""
        return self._history.at(now_ms())

    def prices_at(self, moment_ms: int) -> PriceBook:
        """The prices that held at a moment in ms since 1970."""
        return self._history.at(moment_ms)

    @cached_property
    def sticky(self) -> "StickySessions":
        """Which accounts serve conversations: only where several could."""
        from common.state.sticky_sessions import StickySessions

        ttl_s = self.settings.sticky_session_seconds
        return StickySessions(self.redis, self.settings.state_prefix, ttl_s)

    @cached_property
    def jobs(self) -> "Jobs":
        """What goes on at providers: most requests do not."""
        from common.state.jobs import Jobs

        return Jobs(self.redis, self.settings.state_prefix)

    @cached_property
    def response_cache(self) -> "ResponseCache":
        """Kept answers: only where a policy keeps some.

        On a connection of their own: they are large, and in a Cluster on other nodes, and neither
        may hold up an admission.
        """
        from common.state.response_cache import ResponseCache

        settings = self.settings
        connection = MultiplexedConnection.from_url(settings.redis_url)
        return ResponseCache(
            connection, settings.state_prefix, self.keyring, settings.internal_secret
        )

    @cached_property
    def flights(self) -> "Flights":
        """Who waits for an answer that is being made."""
        from functions.relay.flights import Flights

        return Flights(self.response_cache, self.settings.first_byte_timeout_s)

    @property
    def routing_version(self) -> int:
        """Which routing table is followed."""
        return self._routing_version

    @cached_property
    def job_settlement(self) -> "JobSettlement":
        """How jobs are settled at a caller's read."""
        from common.job_settlement import JobSettlement

        return JobSettlement(self.admission, self.jobs, self.upstream, self.prices_at)

    @cached_property
    def placeholder_key(self) -> bytes:
        """By which redaction makes its placeholders: the same in all processes."""
        return secrets.derive(self.settings.internal_secret, "placeholders")

    @cached_property
    def model_finder(self) -> "PiiFinder | None":
        """Who finds names in texts: only where a policy asks for it. None without its address."""
        if not self.settings.pii.url:
            return None
        from common.pii.finder import PiiFinder

        own, secret = self.settings, self.settings.internal_secret
        return PiiFinder.make(own.pii, secret, self.upstream, self.redis, own.state_prefix)

    async def follow(self, versions: str) -> None:
        """Read the operator's prices and routing table if Redis has others.

        `versions` are what `admit` and `verify` answered; the last two are theirs.
        Raises `RedisUnavailable`.
        """
        prices, routing = versions.split(" ")[-2:]
        if int(prices) != self._prices_version:
            await self._read_prices()
        if int(routing) != self._routing_version:
            self._routing_version, self.routing = await read_routing(
                self.redis, self.settings.state_prefix
            )

    async def _read_prices(self) -> None:
        version, books = await read_prices(self.redis, self.settings.state_prefix)
        self._prices_version = version
        try:
            imported = imported_books(books)
        except InvalidPriceBook as error:
            logs.log("price_book_refused", level="error", version=version, error=str(error))
            return
        self._history = PriceHistory([DatedBook(0, self._own_book)], imported)
        logs.log("prices_imported", version=version, price_version=self.prices.version)

    def run_in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start work that outlives its request, such as a settle; awaited at shutdown."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._finished)
        return task

    def count_events(self) -> None:
        """Bring the metric of sent records up to what the emitter has counted."""
        if self.emitter is None:
            return
        counts = self.emitter.counts
        for result, count in (
            ("sent", counts.records_sent),
            ("failed", counts.records_failed),
            ("dropped", counts.records_dropped),
        ):
            catalogue.EVENTS.increment(count - self._events_counted.get(result, 0), result=result)
            self._events_counted[result] = count

    def start(self) -> None:
        """Begin the heartbeat and the emitter: at the lifespan's start or the first request."""
        self.heartbeat.start()
        if self.emitter is not None:
            self.emitter.start()

    async def stop(self, within_s: float) -> None:
        """End what is open, settle it, send events, close connections: within so many seconds.

        What cannot be settled until then is named in the log; its leases expire, and the sweep
        posts their drafts.
        """
        draining.begin()
        end = asyncio.get_running_loop().time() + max(within_s - EMIT_S_MAX, within_s / 2)
        self.heartbeat.shut_down(end - asyncio.get_running_loop().time() - DRAIN_RESERVE_S)
        await self._finish(end)
        if self.unsettled:
            logs.log(
                "unsettled_at_stop",
                level="warning",
                count=len(self.unsettled),
                request_ids=sorted(self.unsettled)[:NAMED_MAX],
            )
        if self.emitter is not None:
            await self.emitter.stop(min(EMIT_S_MAX, within_s / 2))
        await self.heartbeat.stop()
        if (finder := self.__dict__.get("model_finder")) is not None:
            await finder.close()
        await self.upstream.close()
        await self.key_lookup.close()
        if "response_cache" in self.__dict__:
            await self.response_cache.close()
        await self.redis.close()

    async def _finish(self, end: float) -> None:
        """Wait for open requests and background work until `end`, in the loop's time."""
        loop = asyncio.get_running_loop()
        while waiting := self._background | self.heartbeat.tasks():
            if (left_s := end - loop.time()) <= 0:
                return
            await asyncio.wait(waiting, timeout=left_s)

    def _make_emitter(self) -> Emitter | None:
        if not self.settings.sink_url:
            return None
        return Emitter(
            self.settings.sink_url,
            source="/relay/relay",
            post=self.upstream.post,
            new_id=new_ulid,
            ce_overrides=self.settings.ce_overrides,
            report=logs.log,
        )

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logs.log("background_failed", level="error", error=repr(error))


_services: Services | None = None


def services() -> Services:
    """The process's services. Raises `SettingsError` at the first call if a setting is wrong."""
    global _services  # noqa: PLW0603 - one per process, made at first use: the framework's
    # entry has no lifespan in which it could be made.
    if _services is None:
        _services = Services(relay_settings())
        _services.start()
    return _services


async def stop_services(within_s: float) -> None:
    """Stop what was started, within so many seconds."""
    global _services
    if _services is not None:
        stopping, _services = _services, None
        await stopping.stop(within_s)
