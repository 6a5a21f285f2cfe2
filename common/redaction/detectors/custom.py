"""Patterns of a team's own, in RE2's syntax: its time is linear in the text, whatever they say.

Python's engine would let one pattern hang the relay. RE2 has no look-around and no references
back. It is imported when the first such detector is made.
"""

from collections.abc import Iterator

from common.redaction.detectors.base import REACH, SURE
from common.redaction.found import Found

PATTERN_CHARACTERS_MAX = 1000
_MEMORY_BYTES_MAX = 1 << 20


class InvalidPattern(ValueError):
    """A pattern that RE2 refuses, that is too large, or that matches nothing at all."""


class CustomDetector:
    """One pattern; its group `value`, where it has one, is what is found.

    A match of more than 512 characters at the end of a part may be found in two pieces.
    """

    gate = None

    def __init__(self, entity: str, pattern: str, score: float = SURE) -> None:
        """Raises `InvalidPattern`."""
        import re2

        if len(pattern) > PATTERN_CHARACTERS_MAX:
            raise InvalidPattern(f"longer than {PATTERN_CHARACTERS_MAX} characters")
        options = re2.Options()
        options.max_mem = _MEMORY_BYTES_MAX
        options.log_errors = False
        try:
            self._pattern = re2.compile(pattern, options)
        except re2.error as error:
            reason = error.args[0] if error.args else error
            said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
            raise InvalidPattern(f"RE2 refuses it: {said}") from None
        if self._pattern.search("") is not None:
            raise InvalidPattern("matches the empty text")
        self.entities = frozenset({entity})
        self._entity = entity
        self._score = score
        self._group = "value" if "value" in self._pattern.groupindex else 0

    def find(self, text: str, start: int, stop: int) -> Iterator[Found | None]:
        """See `Detector`."""
        # One character before the part, for `\\b`; RE2 is given a copy of the part only.
        first = max(0, start - 1)
        part = text[first : stop + REACH]
        for match in self._pattern.finditer(part, start - first):
            if first + match.start() >= stop:
                return
            begin, end = match.span(self._group)
            if begin < 0 or begin == end:
                yield None
            else:
                yield Found(first + begin, first + end, self._entity, self._score)
