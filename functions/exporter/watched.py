"""One store, asked when it is scraped: seldom enough, once at a time, never waited for long."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from common.state.commands import RedisReplyError, RedisUnavailable
from common.store.database import DatabaseUnavailable
from common.telemetry import catalogue, logs
from common.telemetry.metrics import Gauge

# Several Prometheus servers, or people, ask no store more often than that.
FRESH_S = 5.0
# Within the 10 s that a scrape may take by default.
ANSWER_S = 4.0
QUESTION_S_MAX = 20.0


class Watched:
    """A store by name, the question that sets its gauges, and these gauges.

    A store that does not answer is down, and its gauges are left out: what is not known is not
    said. What answers too late for one scrape is there for the next.
    """

    def __init__(
        self, store: str, ask: Callable[[], Awaitable[None]], gauges: Sequence[Gauge]
    ) -> None:
        self._store = store
        self._ask = ask
        self._gauges = gauges
        self._task: asyncio.Task[None] | None = None
        self._fresh_until = 0.0
        self._answers: bool | None = None

    async def refresh(self) -> None:
        """Bring the gauges up to date, within `ANSWER_S`. Raises nothing but a mistake of ours."""
        loop = asyncio.get_running_loop()
        if self._task is None and loop.time() >= self._fresh_until:
            self._task = loop.create_task(self._question())
        if self._task is not None:
            _, late = await asyncio.wait({self._task}, timeout=ANSWER_S)
            if late:
                self._is_down(f"no answer within {ANSWER_S:.0f} s")

    async def close(self) -> None:
        """End a question that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _question(self) -> None:
        try:
            async with asyncio.timeout(QUESTION_S_MAX):
                await self._ask()
        except (DatabaseUnavailable, RedisUnavailable, RedisReplyError, TimeoutError) as error:
            self._is_down(str(error) or f"no answer within {QUESTION_S_MAX:.0f} s")
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the other store
            self._is_down(repr(error))
        else:
            self._is_up()
        finally:
            self._task = None
            self._fresh_until = asyncio.get_running_loop().time() + FRESH_S

    def _is_up(self) -> None:
        catalogue.EXPORTER_UP.set(1, store=self._store)
        if self._answers is False:
            logs.log("store_answers", store=self._store)
        self._answers = True

    def _is_down(self, why: str) -> None:
        catalogue.EXPORTER_UP.set(0, store=self._store)
        for gauge in self._gauges:
            gauge.replace({})
        if self._answers is not False:
            logs.log("store_away", level="warning", store=self._store, error=why)
        self._answers = False
