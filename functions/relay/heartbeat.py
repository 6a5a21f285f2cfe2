"""One task a process that looks after all open requests.

Every second it ends those past a deadline and keeps quiet streams alive; every ten seconds it
renews their leases in one call, with the output seen so far. So a request carries no timer of
its own.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from common.domain.admission import Draft
from common.providers.http import Exchange
from common.state.admission import RENEW_EVERY_MS
from common.state.commands import RedisUnavailable
from common.telemetry import catalogue, logs
from common.telemetry.metrics import BEFORE_SCRAPE
from functions.relay.open_request import OpenRequest
from functions.relay.records import draft_now

if TYPE_CHECKING:
    from functions.relay.services import Services

TICK_S = 1.0
KEEP_ALIVE_MS = 15_000
# Relay's own deadline comes before the platform's, which cuts without a word.
DEADLINE_RESERVE_MS = 10_000
# Two ticks later than the heartbeat's own bounds, whose words the caller reads.
EXCHANGE_RESERVE_MS = 2_000


class Heartbeat:
    """The registry of open requests, and the task that ticks over it."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._requests: dict[str, OpenRequest] = {}
        # Those whose body is not here yet.
        self.reading: dict[str, OpenRequest] = {}
        self._task: asyncio.Task[None] | None = None
        settings = services.settings
        self._deadline_ms = max(settings.timeout_s * 1000 - DEADLINE_RESERVE_MS, 1000)
        self._first_byte_ms = settings.first_byte_timeout_s * 1000
        self._first_token_ms = settings.first_token_timeout_s * 1000 or self._first_byte_ms
        self._idle_ms = settings.idle_timeout_s * 1000

    def start(self) -> None:
        """Begin to tick."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
            BEFORE_SCRAPE.append(self._show_open)

    async def stop(self) -> None:
        """Stop ticking."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            BEFORE_SCRAPE.remove(self._show_open)

    def enter(self, request: OpenRequest) -> None:
        """Look after a request from here on."""
        self._requests[request.id] = request

    def leave(self, request: OpenRequest) -> None:
        """The request is over."""
        self._requests.pop(request.id, None)

    def shut_down(self, drain_s: float) -> None:
        """End all open requests; what is read for its figures alone has so many seconds more."""
        latest_ns = time.perf_counter_ns() + int(drain_s * 1_000_000_000)
        for request in list(self._requests.values()):
            if request.drain_until_ns is not None and drain_s > 0:
                request.drain_until_ns = min(request.drain_until_ns, latest_ns)
            else:
                request.interrupt("shutdown")

    def tasks(self) -> set[asyncio.Task[Any]]:
        """The tasks of the open requests."""
        return {request.task for request in self._requests.values() if request.task is not None}

    def longest_exchange_ms(self, *, stream: bool) -> int:
        """After what time an exchange with a provider is surely one that was given up.

        A whole answer is as good as its first byte: it has its head at the end.
        """
        longest_ms = self._deadline_ms
        if not stream:
            longest_ms = min(longest_ms, self._first_byte_ms)
        return longest_ms + EXCHANGE_RESERVE_MS

    def _show_open(self) -> None:
        catalogue.OPEN_LEASES.set(len(self._requests))

    async def _run(self) -> None:
        renewed_ns = time.perf_counter_ns()
        while True:
            await asyncio.sleep(TICK_S)
            now_ns = time.perf_counter_ns()
            try:
                for request in list(self._requests.values()):
                    self._look_at(request, now_ns)
                for request in self.reading.values():
                    if now_ns - request.started_ns > self._first_byte_ms * 1_000_000:
                        request.interrupt("caller_silent")
                self._services.count_events()
                if now_ns - renewed_ns >= RENEW_EVERY_MS * 1_000_000:
                    renewed_ns = now_ns
                    await self._renew()
            except Exception as error:  # noqa: BLE001 - the heart must go on beating
                logs.log("heartbeat_failed", level="error", error=repr(error))

    def _look_at(self, request: OpenRequest, now_ns: int) -> None:
        age_ms = (now_ns - request.started_ns) // 1_000_000
        quiet_ms = (now_ns - request.last_chunk_ns) // 1_000_000
        if age_ms > self._deadline_ms:
            request.interrupt("deadline")
        elif request.exchange is None:
            return
        elif _drained_long_enough(request, request.exchange, now_ns):
            request.interrupt("client_gone")
        elif request.upload is not None and request.upload.waiting_for_caller:
            if quiet_ms > self._idle_ms:
                request.interrupt("caller_silent")
        elif request.first_chunk_ns is None:
            self._look_at_silent(request, request.exchange, quiet_ms)
        elif request.waiting_for_provider and quiet_ms > self._idle_ms:
            request.interrupt("idle")
        elif request.keep_alive is not None:
            unsent_ms = (now_ns - request.last_sent_ns) // 1_000_000
            if unsent_ms > KEEP_ALIVE_MS:
                request.keep_alive()

    def _look_at_silent(self, request: OpenRequest, exchange: Exchange, quiet_ms: int) -> None:
        """Nothing has come yet: of a stream the head or the first event, else the whole answer."""
        if request.parsed is not None and request.parsed.stream:
            if quiet_ms > self._first_token_ms:
                request.interrupt("first_token")
                return
            if exchange.has_head:
                return
        if quiet_ms > self._first_byte_ms:
            request.interrupt("first_byte")

    def _draft(self, request: OpenRequest) -> dict[str, Draft]:
        """One that cannot be made costs its own lease, not those of all others."""
        try:
            return {request.id: draft_now(request.prices or self._services.prices, request)}
        except Exception as error:  # noqa: BLE001 - see above
            logs.log("draft_failed", level="error", request_id=request.id, error=repr(error))
            return {}

    async def _renew(self) -> None:
        drafts: dict[str, Draft] = {}
        for request in self._requests.values():
            if request.admitted and request.account is not None and not request.entrusted:
                drafts |= self._draft(request)
        if not drafts:
            return
        try:
            lost = await self._services.admission.renew(drafts)
        except RedisUnavailable as error:
            logs.log("renew_failed", level="warning", error=str(error), leases=len(drafts))
            return
        if lost:
            logs.log("leases_lost", level="warning", count=len(lost))


def _drained_long_enough(request: OpenRequest, exchange: Exchange, now_ns: int) -> bool:
    """Before the answer's head the provider is not hung up on: it is waited for, as ever."""
    return (
        request.drain_until_ns is not None and now_ns > request.drain_until_ns and exchange.has_head
    )
