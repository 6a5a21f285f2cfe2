"""What all copies of event streams have in common."""

from abc import ABC, abstractmethod

from common.dialects.base import estimate_tokens
from common.dialects.events import EventCutter
from common.domain.usage import Tokens


class EventStreamCopy(ABC):
    """A `common.dialects.base.StreamCopy` that reads each event as it passes."""

    def __init__(self) -> None:
        self.reported = Tokens()
        self.reported_complete = False
        self.saw_terminal = False
        self.saw_error = False
        self.served_model: str | None = None
        self.stored_id: str | None = None
        self.service_tier: str | None = None
        self.searches = 0
        self.usage: list[bytes] = []
        self._output_bytes = 0
        self._cutter = EventCutter()

    @property
    def output_estimate(self) -> int:
        """Tokens of output seen so far, from the bytes of all deltas."""
        return estimate_tokens(self._output_bytes)

    def feed(self, chunk: bytes) -> bytes:
        """See `StreamCopy`."""
        events = self._cutter.feed(chunk)
        if len(events) == 1:
            return self._copied(events[0])
        return b"".join([self._copied(event) for event in events])

    def end(self) -> bytes:
        """See `StreamCopy`. What lacks only its blank line is whole if it ends the stream."""
        whole = b"".join([self._copied(event) for event in self._cutter.end()])
        rest, before = self._cutter.rest, (self.saw_terminal, self.saw_error)
        copied = self._copied(rest)
        if (self.saw_terminal, self.saw_error) == before:
            return whole  # of the rest nobody can tell whether it is all
        return whole + copied.rstrip(b"\r\n") + b"\n\n"

    @abstractmethod
    def _copied(self, event: bytes) -> bytes:
        """Read an event; gives what the caller is to see of it."""
