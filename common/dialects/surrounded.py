"""An operation whose streams a layer changes or watches; all else is the operation's own. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from common.dialects.base import (
    JSON,
    ArrivingRequest,
    Operation,
    ParsedRequest,
    StreamCopy,
    WholeAnswer,
)
from common.dialects.events import EventCutter
from common.domain.refusals import Refusal, Refused


class SurroundedCopy(ABC):
    """A `StreamCopy` around another one, whose figures it shows: it sees what the caller would.

    What was read of the stream (figures, its end) is the inner copy's, which reads what the
    provider sent.
    """

    def __init__(self, inner: StreamCopy) -> None:
        self._inner = inner
        self._cutter = EventCutter()
        self._follow()

    @property
    def output_estimate(self) -> int:
        """See `StreamCopy`."""
        return self._inner.output_estimate

    def feed(self, chunk: bytes) -> bytes:
        """See `StreamCopy`."""
        passed = self._inner.feed(chunk)
        self._follow()
        return self._changed_all(passed) if passed else b""

    def end(self) -> bytes:
        """See `StreamCopy`."""
        passed = self._inner.end()
        self._follow()
        changed = self._changed_all(passed)
        return (
            changed + b"".join([self.changed(event) for event in self._cutter.end()]) + self.rest()
        )

    @abstractmethod
    def changed(self, event: bytes) -> bytes:
        """What the caller is to see of an event: a whole one, none, or several."""

    def rest(self) -> bytes:
        """Events of what was held back, when no more comes or an error ends the stream.

        Raises `Refused` for what must not pass.
        """
        return b""

    def _changed_all(self, passed: bytes) -> bytes:
        return b"".join([self.changed(event) for event in self._cutter.feed(passed)])

    def _follow(self) -> None:
        inner = self._inner
        self.reported = inner.reported
        self.reported_complete = inner.reported_complete
        self.saw_terminal = inner.saw_terminal
        self.saw_error = inner.saw_error
        self.served_model = inner.served_model
        self.stored_id = inner.stored_id
        self.service_tier = inner.service_tier
        self.searches = inner.searches
        self.usage = inner.usage


class Surrounded:
    """An operation with another stream copy around its own."""

    def __init__(
        self, operation: Operation, surround: Callable[[StreamCopy], SurroundedCopy]
    ) -> None:
        self.media_type = operation.media_type
        self._operation = operation
        self._surround = surround
        self._copy: SurroundedCopy | None = None

    def parse_request(self, body: bytes, content_type: str = JSON) -> ParsedRequest:
        """See `Operation`."""
        return self._operation.parse_request(body, content_type)

    def prepare_request(
        self, body: bytes, parsed: ParsedRequest, served_model: str, content_type: str = JSON
    ) -> bytes:
        """See `Operation`."""
        return self._operation.prepare_request(body, parsed, served_model, content_type)

    def arriving_request(self, content_type: str) -> ArrivingRequest | None:
        """See `Operation`."""
        return self._operation.arriving_request(content_type)

    def read_answer(self, body: bytes, content_type: str = JSON) -> WholeAnswer | None:
        """See `Operation`."""
        return self._operation.read_answer(body, content_type)

    def answer_for_caller(self, body: bytes, request_id: str) -> bytes:
        """See `Operation`; whole answers are the layer's own `whole`."""
        return self._operation.answer_for_caller(body, request_id)

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        self._copy = self._surround(self._operation.stream_copy(parsed))
        return self._copy

    def stream_error_event(self, refusal: Refusal, request_id: str) -> bytes:
        """See `Operation`. What was held back was served, and comes before the error."""
        *held, error = EventCutter().feed(self._operation.stream_error_event(refusal, request_id))
        if self._copy is None:
            return b"".join([*held, error])
        try:
            said = b"".join([self._copy.changed(event) for event in held]) + self._copy.rest()
        except Refused:
            said = b""  # what was held back must not pass
        return said + error
