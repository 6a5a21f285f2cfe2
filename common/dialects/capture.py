"""The layer that keeps an answer for the response cache, as it came and before all others. Pure."""

import re

from common.dialects.base import Operation, StreamCopy
from common.dialects.surrounded import Surrounded, SurroundedCopy

# How a provider's own filter ends an answer, in each dialect, and how a response says that it
# failed. In a text these words stand with escaped quotes; where a tool's arguments look like them,
# an answer is not kept that might have been.
_REFUSED = re.compile(
    rb'"(?:finish_reason|stop_reason|finishReason|reason)"\s*:\s*'
    rb'"(?:content_filter|refusal|SAFETY|RECITATION|BLOCKLIST|PROHIBITED_CONTENT|SPII|LANGUAGE|'
    rb'IMAGE_SAFETY|MALFORMED_FUNCTION_CALL|OTHER)"'
    rb'|"blockReason"\s*:|"status"\s*:\s*"(?:failed|cancelled)"'
)


class Capture:
    """What one request was answered with, of at most `bytes_max`."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether a whole answer was seen, to its proper end."""
        return self._ended

    @property
    def too_large(self) -> bool:
        """Whether it has more bytes than are kept."""
        return self._size > self._bytes_max

    def kept(self) -> bytes | None:
        """The answer's bytes; None for one that nobody else is to have."""
        if not self._ended or self.too_large:
            return None
        body = b"".join(self._parts)
        return None if _REFUSED.search(body) else body

    async def whole(self, body: bytes) -> bytes:
        """See `Layer`."""
        self._begin()
        self.add(body)
        self._ended = True
        return body

    def around(self, operation: Operation) -> Operation:
        """See `Layer`. Another account is asked: what the one before began with is forgotten."""
        self._begin()
        return Surrounded(operation, lambda inner: _CapturedCopy(inner, self))

    def add(self, part: bytes) -> None:
        """What the caller gets next."""
        self._size += len(part)
        if self.too_large:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def end(self, *, well: bool) -> None:
        """The stream is over."""
        self._ended = well

    def _begin(self) -> None:
        self._parts.clear()
        self._size = 0
        self._ended = False


class _CapturedCopy(SurroundedCopy):
    """Passes everything on as it is."""

    def __init__(self, inner: StreamCopy, capture: Capture) -> None:
        super().__init__(inner)
        self._capture = capture

    def feed(self, chunk: bytes) -> bytes:
        """See `StreamCopy`."""
        passed = self._inner.feed(chunk)
        self._follow()
        self._capture.add(passed)
        return passed

    def end(self) -> bytes:
        """See `StreamCopy`."""
        passed = self._inner.end()
        self._follow()
        self._capture.add(passed)
        self._capture.end(well=self.saw_terminal and not self.saw_error)
        return passed

    def changed(self, event: bytes) -> bytes:
        """See `SurroundedCopy`."""
        return event
