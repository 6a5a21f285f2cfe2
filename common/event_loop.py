"""The event loop of all functions: it asks the kernel what has come less often than asyncio's."""

import asyncio
import selectors
import time

# What comes waits at most so long while there is something to do.
ASK_EVERY_S = 0.0005

Ready = list[tuple[selectors.SelectorKey, int]]


class PatientSelector(selectors.DefaultSelector):
    """Asks the kernel when nothing is left to do, and every `ASK_EVERY_S` while something is.

    asyncio asks at each turn, and a request takes ten, most of them because of the one before.
    """

    def __init__(self) -> None:
        super().__init__()
        self._asked_at = 0.0

    def select(self, timeout: float | None = None) -> Ready:
        """See `selectors.BaseSelector.select`. The loop waits for 0 s when it has work."""
        if timeout == 0 and time.monotonic() - self._asked_at < ASK_EVERY_S:
            return []
        ready = super().select(timeout)
        self._asked_at = time.monotonic()
        return ready


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop for `asyncio.Runner`."""
    return asyncio.SelectorEventLoop(PatientSelector())
