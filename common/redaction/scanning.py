"""Scanning a text a little at a time, so that an event loop may do other things between.

A step looks at no more than `STEP_CHARACTERS` with one detector, and ends early after
`STEP_CANDIDATES` candidates: that bounds its work whatever the text is.
"""

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TypeVar

from common.redaction.detectors.base import REACH, THRESHOLD, Detector
from common.redaction.found import Found, clusters, resolve

STEP_CHARACTERS = 16_384
STEP_CANDIDATES = 16
# What begins before the part where its anchor stands: an e-mail's local part, a URL's scheme.
_LOOK_BACK = 72

# No-break, figure, thin, narrow and ideographic blanks; hyphens; full-width forms.
_ALIKE = (
    *((blank, " ") for blank in "\u00a0\u2007\u2009\u202f\u3000"),
    *((hyphen, "-") for hyphen in "\u2010\u2011\uff0d"),
    *((chr(ord(one) - 0x20 + 0xFF00), one) for one in "0123456789@.+()"),
)

Keep = Callable[[str, Found], bool]
Result = TypeVar("Result")


class Scanner:
    """Detectors, what is sure enough, what is kept, and who wins where findings overlap."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        *,
        threshold: float = THRESHOLD,
        strength: Callable[[str], int] | None = None,
        keep: Keep | None = None,
    ) -> None:
        """`keep(text, found)` is asked of each finding (an allow list refuses some)."""
        self._detectors = detectors
        self._gates = {one.gate for one in detectors if one.gate is not None}
        self._threshold = threshold
        self._strength = strength or (lambda _entity: 0)
        self._keep = keep

    def steps(self, text: str) -> Generator[None, None, list[Found]]:
        """Yields after each step; returns the findings in order, without overlaps."""
        plain = as_ascii(text)
        found: list[Found] = []
        open_: list[Found] = []
        resume = [0] * len(self._detectors)
        candidates = 0
        for start in range(0, len(text), STEP_CHARACTERS):
            stop = min(len(text), start + STEP_CHARACTERS)
            shut = self._shut(plain, start, stop)
            for number, detector in enumerate(self._detectors):
                if detector.gate in shut:
                    continue
                of = text if getattr(detector, "reads_as_written", False) else plain
                for one in detector.find(of, max(start, resume[number]), stop):
                    candidates += 1
                    if one is not None:
                        resume[number] = max(resume[number], one.end)
                        if self._counts(text, one):
                            open_.append(one)
                    if candidates >= STEP_CANDIDATES:
                        candidates = 0
                        yield
                yield
            open_ = self._close(open_, found, stop - _LOOK_BACK)
            candidates = 0
            yield
        self._close(open_, found, len(text) + 1)
        return found

    def scan(self, text: str, more: Iterable[Found] = ()) -> list[Found]:
        """All at once, for short texts; `more` was found by others and takes part."""
        found = finish(self.steps(text))
        return self.merge(found, more) if more else found

    def merge(self, found: Iterable[Found], more: Iterable[Found]) -> list[Found]:
        """Findings of this scanner together with those of others (a language model's)."""
        merged: list[Found] = []
        for group in clusters(sorted([*found, *more])):
            merged += group if len(group) == 1 else resolve(group, self._strength)
        return merged

    def _counts(self, text: str, one: Found) -> bool:
        return one.score >= self._threshold and (self._keep is None or self._keep(text, one))

    def _shut(self, text: str, start: int, stop: int) -> "set[re.Pattern[str] | None]":
        limit = min(len(text), stop + REACH)
        return {gate for gate in self._gates if gate.search(text, start, limit) is None}

    def _close(self, open_: list[Found], found: list[Found], until: int) -> list[Found]:
        """Resolve what nothing can overlap any more; the rest stays open."""
        rest: list[Found] = []
        for group in clusters(sorted(open_)):
            if rest or max(one.end for one in group) > until:
                rest.extend(group)
            else:
                found.extend(resolve(group, self._strength))
        return rest


def as_ascii(text: str) -> str:
    """The text with ASCII's blanks, hyphens and digits for their likes, character by character.

    Word processors and web pages keep a number together by such blanks, and Japanese and Chinese
    texts write digits as wide as their other characters.
    """
    if text.isascii():
        return text
    for written, plain in _ALIKE:
        if written in text:
            text = text.replace(written, plain)
    return text


def finish(steps: "Generator[None, None, Result]") -> "Result":
    """Run all steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result
