"""The times by which exchanges must be over: one timer for all, since hardly any is ever due."""

import asyncio
import math
from typing import Protocol


class Timed(Protocol):
    """Who has a deadline."""

    def time_out(self) -> None:
        """It passed."""


class Deadlines:
    """Who is told when, in the loop's time. A timer of one's own costs ten times as much."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[Timed, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def add(self, timed: Timed, at: float) -> None:
        """Tell it then, unless it is removed before."""
        self._due[timed] = at
        if at < self._timer_at:
            self._arm(at)

    def remove(self, timed: Timed) -> None:
        """It is over, or was told."""
        self._due.pop(timed, None)

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        """Mostly whom it was set for is over long ago: then it is set for the next."""
        self._timer, self._timer_at = None, math.inf
        now = self._loop.time()
        for timed in [timed for timed, at in self._due.items() if at <= now]:
            self.remove(timed)
            timed.time_out()
        if self._due:
            self._arm(min(self._due.values()))
