"""Patterns of a team's own, in RE2's syntax (`common/domain/linear_patterns.py`)."""

from collections.abc import Iterator

from common.domain.linear_patterns import PATTERN_CHARACTERS_MAX, InvalidPattern, compiled
from common.redaction.detectors.base import REACH, SURE
from common.redaction.found import Found

__all__ = ("PATTERN_CHARACTERS_MAX", "CustomDetector", "InvalidPattern")


class CustomDetector:
    """One pattern; its group `value`, where it has one, is what is found.

    A match of more than 512 characters at the end of a part may be found in two pieces.
    """

    gate = None
    # It may name a character that `as_ascii` writes otherwise.
    reads_as_written = True

    def __init__(self, entity: str, pattern: str, score: float = SURE) -> None:
        """Raises `InvalidPattern`."""
        self._pattern = compiled(pattern)
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
