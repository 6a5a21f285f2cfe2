"""Single flight: of identical requests at once one asks a provider, and the others wait for it.

Within a process they wait for one of them, the pilot; across processes the pilots ask Redis again
and again. Whoever has the right to make an answer holds it by a lease, so a process that dies is
succeeded within seconds; a wait has an end, so nobody hangs on anybody.
"""

import asyncio
import contextlib
import time

from common.state.commands import RedisReplyError, RedisUnavailable
from common.state.response_cache import MAKE_MS, Entry, Place, ResponseCache, Taken
from common.telemetry import logs

PAUSE_S_FIRST = 0.02
PAUSE_S_MAX = 0.25
# Redis may be slow: then a provider is asked, as without a cache.
LOOK_S_MAX = 0.5

ALONE = Taken("alone")
# What a pilot tells that has nothing: the next one may try.
_AGAIN = None


class Flights:
    """The requests of this process that wait for answers that are being made."""

    def __init__(self, cache: ResponseCache, wait_s: float) -> None:
        self._cache = cache
        self._wait_s = wait_s
        self._piloted: dict[str, asyncio.Future[Taken | None]] = {}

    async def board(self, place: Place, token: str) -> "Flight":
        """Wait for a kept answer, or for the right to make it.

        A flight with `taken.then == "make"` must be `land`ed.
        """
        end = time.monotonic() + self._wait_s
        while (piloted := self._piloted.get(place.name)) is not None:
            left_s = end - time.monotonic()
            done, _ = await asyncio.wait({piloted}, timeout=left_s) if left_s > 0 else (None, None)
            if not done:
                return Flight(self, place, token, ALONE)
            taken = piloted.result()
            if taken is not _AGAIN:
                return Flight(self, place, token, taken)
        future = self._piloted[place.name] = asyncio.get_running_loop().create_future()
        flight = Flight(self, place, token, Taken("make"), future)
        try:
            flight.taken = await self._look(place, token, end)
        except RedisUnavailable as error:
            # Those of this process wait for it all the same.
            flight.unseen = True
            logs.log("cache_unavailable", level="warning", error=str(error))
        except BaseException:
            self.leave(place, future, _AGAIN)
            raise
        if flight.taken.then == "make":
            return flight
        self.leave(place, future, flight.taken)
        return flight

    def leave(
        self, place: Place, future: "asyncio.Future[Taken | None]", taken: Taken | None
    ) -> None:
        """The pilot tells the others what it has: an answer, that there is none, or nothing."""
        if self._piloted.get(place.name) is future:
            del self._piloted[place.name]
        if not future.done():
            future.set_result(taken)

    async def _look(self, place: Place, token: str, end: float) -> Taken:
        pause_s = PAUSE_S_FIRST
        while True:
            try:
                async with asyncio.timeout(LOOK_S_MAX):
                    taken = await self._cache.take(place, token)
            except TimeoutError:
                raise RedisUnavailable("it did not answer in time", sent=True) from None
            except RedisReplyError as error:
                raise RedisUnavailable(str(error), sent=True) from error
            if taken.then != "wait":
                return taken
            if time.monotonic() + pause_s > end:
                return ALONE
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, PAUSE_S_MAX)

    async def hold(self, place: Place, token: str) -> None:
        """Keep the right to make it until this is cancelled."""
        while True:
            await asyncio.sleep(MAKE_MS / 3000)
            with contextlib.suppress(RedisUnavailable, RedisReplyError):
                await self._cache.hold(place, token)


class Flight:
    """What one request found. `unseen`: Redis could not be asked, so nothing is kept there."""

    unseen = False

    def __init__(
        self,
        flights: Flights,
        place: Place,
        token: str,
        taken: Taken,
        future: "asyncio.Future[Taken | None] | None" = None,
    ) -> None:
        self._flights = flights
        self._future = future
        self._holding: asyncio.Task[None] | None = None
        self.place = place
        self.token = token
        self.taken = taken

    def begin(self) -> None:
        """Hold the right to make the answer while it is made."""
        if self._future is not None and not self.unseen:
            holding = self._flights.hold(self.place, self.token)
            self._holding = asyncio.get_running_loop().create_task(holding)

    def land(self, entry: Entry | None, *, never: bool) -> None:
        """It was made, or not; `never`: such answers are not kept."""
        if self._holding is not None:
            self._holding.cancel()
        taken = _AGAIN if entry is None else Taken("use", entry)
        if self._future is not None:
            self._flights.leave(self.place, self._future, ALONE if never else taken)
