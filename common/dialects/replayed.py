"""An operation whose stream is one that was sent before: nothing in it changes. Pure."""

from common.dialects.base import Operation, ParsedRequest, StreamCopy
from common.dialects.copying import EventStreamCopy
from common.dialects.surrounded import Surrounded, SurroundedCopy


class Replayed(Surrounded):
    """Gives its streams' events as they come; all else is the operation's own."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation, _never)

    def stream_copy(self, parsed: ParsedRequest) -> StreamCopy:
        """See `Operation`."""
        del parsed
        return _ReplayedCopy()


class _ReplayedCopy(EventStreamCopy):
    """Whole events, for the layers around it."""

    def _copied(self, event: bytes) -> bytes:
        return event


def _never(inner: StreamCopy) -> SurroundedCopy:
    raise NotImplementedError
