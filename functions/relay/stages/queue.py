"""Queue: a request that only a limit of concurrency refuses waits for its turn, where it may.

The places are in Redis, in one queue for all processes (`queues.lua`). Whoever waits asks `admit`
again, with pauses: the one connection of a process blocks for nobody, so there is nothing that
could tell it. A pause grows with the place and with the time waited, so that a queue costs Redis
some tens of calls a second and a turn is taken up at most a twentieth later than it came.
"""

import asyncio
import time

from common import draining
from common.domain.admission import Waiting
from common.domain.refusals import Reason, Refusal, Refused
from common.state.admission import WAITS_NO_MORE
from common.state.commands import RedisUnavailable
from common.telemetry import catalogue, logs
from functions.relay.caller_body import CallerBody
from functions.relay.open_request import OpenRequest
from functions.relay.services import Services

PAUSE_MS_LEAST = 20
PAUSE_MS_MAX = 500
WAITED_SHARE = 20


class Turn:
    """One request's waiting. `since_ms` is what `admit` is told of it, by Redis's clock."""

    def __init__(
        self, services: Services, request: OpenRequest, body: CallerBody, answer: Waiting
    ) -> None:
        self._services = services
        self._request = request
        self._body = body
        self._since_ns = time.perf_counter_ns()
        self.since_ms = answer.since_ms
        services.waiting += 1
        catalogue.QUEUE_WAITING.set(services.waiting)

    @property
    def waited_ms(self) -> int:
        """How long it has waited."""
        return (time.perf_counter_ns() - self._since_ns) // 1_000_000

    async def pause(self, answer: Waiting) -> None:
        """Pause before `admit` is asked again; once its time is over, for the last time.

        Raises `Refused` when this process stops, `ConnectionResetError` when the caller left.
        """
        waited_ms = self.waited_ms
        left_ms = self._request.rules.wait_ms - waited_ms
        if left_ms <= 0:
            self.since_ms = WAITS_NO_MORE
            return
        if draining.has_begun():
            message = "This process of Relay stops; another one takes requests"
            raise Refused(Refusal(Reason.SHUTTING_DOWN, message, retry_after_ms=PAUSE_MS_MAX))
        jitter = time.perf_counter_ns() // 1000 % 1000 / 1000
        pause_s = min(pause_ms(answer.place, waited_ms, jitter), left_ms) / 1000
        if await self._leaves_within(pause_s):
            raise ConnectionResetError("the caller left while its request waited")

    def end(self) -> None:
        """The request waits no more: it was admitted, refused, or its caller left."""
        self._request.queued_ms = self.waited_ms
        self._services.waiting -= 1
        catalogue.QUEUE_WAITING.set(self._services.waiting)
        catalogue.QUEUED_SECONDS.observe(self.waited_ms / 1000)
        if not self._request.admitted:
            self._services.run_in_background(self._leave())

    async def _leaves_within(self, pause_s: float) -> bool:
        """Whether the caller leaves meanwhile. Of a form that is still coming nothing is read."""
        if self._request.upload is not None:
            await asyncio.sleep(pause_s)
            return False
        done, _ = await asyncio.wait({self._body.leaving()}, timeout=pause_s)
        return bool(done)

    async def _leave(self) -> None:
        request = self._request
        try:
            await self._services.admission.leave_queues(request.id, request.rules.packed)
        except RedisUnavailable as error:
            # Redis forgets by itself who asks no more.
            logs.log("queue_not_left", level="warning", request_id=request.id, error=str(error))


def pause_ms(place: int, waited_ms: int, jitter: float) -> int:
    """Milliseconds until the next question; `jitter` from 0 to 1 spreads those who came at once."""
    wanted = max(PAUSE_MS_LEAST * (1 + place), waited_ms // WAITED_SHARE)
    return int(min(wanted, PAUSE_MS_MAX) * (0.75 + jitter / 2))
