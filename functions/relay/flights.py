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
        self._piloted: dict[tuple[str, int], asyncio.Future[Taken | None]] = {}

    async def board(self, place: Place, token: str, age_s_max: int) -> "Flight":
        """Wait for a kept answer that is young enough, or for the right to make it.

        A flight with `taken.then == "make"` must be `land`ed.
        """
        end = time.monotonic() + self._wait_s
        # What is young enough for one is not for another.
        sought = (place.name, age_s_max)
        while (piloted := self._piloted.get(sought)) is not None:
            left_s = end - time.monotonic()
            done, _ = await asyncio.wait({piloted}, timeout=left_s) if left_s > 0 else (None, None)
            if not done:
                return Flight(self, place, token, ALONE)
            taken = piloted.result()
            if taken is not _AGAIN:
                return Flight(self, place, token, taken)
        future = self._piloted[sought] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: self._piloted.pop(sought, None))
        flight = Flight(self, place, token, Taken("make"), future)
        try:
            flight.taken = await self._look(flight, age_s_max, end)
        except RedisUnavailable as error:
            # Those of this process wait for it all the same.
            flight.unseen = True
            logs.log("cache_unavailable", level="warning", error=str(error))
        except BaseException:
            flight.tell(_AGAIN)
            raise
        if flight.taken.then != "make":
            flight.tell(flight.taken)
        return flight

    async def _look(self, flight: "Flight", age_s_max: int, end: float) -> Taken:
        pause_s = PAUSE_S_FIRST
        while True:
            try:
                async with asyncio.timeout(LOOK_S_MAX):
                    taken = await self._cache.take(flight.place, flight.token, age_s_max)
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
        self.tell(ALONE if never else taken)

    def tell(self, taken: Taken | None) -> None:
        """Tell those of this process: an answer, that none is kept, or that the next may try."""
        if self._future is not None and not self._future.done():
            self._future.set_result(taken)
