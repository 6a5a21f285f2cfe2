"""What a task is given at its turn: the time, how long it may go on, and where it counts."""

import time
from datetime import UTC, datetime, timedelta

# Well within the time that the trigger gives a tick, one slow statement more included.
DURATION_S_MAX = 240.0


class Turn:
    """One run of a task. With `dry_run` it changes nothing and counts what it would do.

    `now_ms` (ms since 1970) is what the task takes for now. `done` has what was done so far, by
    name, for whoever watches; `stopped` says that the turn was ended before its time.
    """

    def __init__(
        self, now_ms: int, *, dry_run: bool = False, duration_s: float = DURATION_S_MAX
    ) -> None:
        self.now_ms = now_ms
        self.dry_run = dry_run
        self.done: dict[str, int] = {}
        self.stopped = False
        self._end = time.monotonic() + duration_s

    @property
    def over(self) -> bool:
        """Whether the task is to stop where it is; the next turn goes on."""
        return self.stopped or time.monotonic() >= self._end

    def stop(self) -> None:
        """End the turn before its time: it may be another's now."""
        self.stopped = True

    @property
    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def ago(self, days: int) -> datetime:
        """So many days ago, in UTC."""
        return self.now - timedelta(days=days)

    def counts(self, *names: str) -> dict[str, int]:
        """`done` with these at 0, to be counted up and returned."""
        self.done.update(dict.fromkeys(names, 0))
        return self.done
