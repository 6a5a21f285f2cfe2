"""How detectors look at a text: a part at a time, in small pieces of work.

A detector finds what begins within a part, however the text is divided into parts: it looks back
and ahead a bounded number of characters only. Patterns are of Python's own engine and linear by
construction: bounded repeats, no two of them side by side that admit the same characters.
"""

import re
from collections.abc import Callable, Iterator
from typing import Protocol

from common.redaction.found import Found

# No match is longer, but private keys and certificates.
REACH = 512
CONTEXT_CHARACTERS = 48
SURE = 0.95
LIKELY = 0.7
# Below the threshold that holds where a policy names none: nothing but a form speaks for it.
UNSURE = 0.3
THRESHOLD = 0.5

# Seven digits, with marks between them or not: most parts of most prompts hold no such number.
LONG_NUMBER = re.compile(r"[0-9](?:[ ./()-]{0,3}[0-9]){6}")

# What a match is: its score, or None for what is none.
Judge = Callable[[str, "re.Match[str]"], float | None]


class Detector(Protocol):
    """Finds one or more entities in a text."""

    @property
    def entities(self) -> frozenset[str]:
        """The entities that it finds."""
        ...

    @property
    def gate(self) -> "re.Pattern[str] | None":
        """What a part must hold for any finding: searched once for all detectors that share it."""
        ...

    def find(self, text: str, start: int, stop: int) -> Iterator[Found | None]:
        """What begins in `text[start:stop]`, in order; None for each candidate that is none."""
        ...


class PatternDetector:
    """What a pattern matches and a rule confirms.

    The pattern begins with a set of characters, which the engine searches fastest; what may not
    stand before is checked by a look-behind after it. After a refused candidate the search goes on
    at its second character.
    """

    def __init__(
        self,
        entity: str,
        pattern: str,
        judge: Judge,
        *,
        lead: int = 0,
        gate: "re.Pattern[str] | None" = None,
    ) -> None:
        """`lead`: how many characters of the entity stand before the match, for a look-behind.

        Letters are everywhere, digits are not: what begins with letters is searched by its digit.
        """
        self.entities = frozenset({entity})
        self._entity = entity
        self._pattern = re.compile(pattern)
        self._judge = judge
        self._lead = lead
        self.gate = gate

    def find(self, text: str, start: int, stop: int) -> Iterator[Found | None]:
        """See `Detector`."""
        limit = min(len(text), stop + REACH)
        position, last = start + self._lead, stop + self._lead
        while position < last:
            match = self._pattern.search(text, position, limit)
            if match is None or match.start() >= last:
                return
            found = self._found(text, match)
            position = match.start() + 1 if found is None else found.end + self._lead
            yield found

    def _found(self, text: str, match: "re.Match[str]") -> Found | None:
        score = self._judge(text, match)
        if score is None:
            return None
        return Found(match.start() - self._lead, match.end(), self._entity, score)


class AnchoredDetector:
    """What begins with (or, by `locate`, stands around) one of some literal words.

    Searching a literal costs a tenth of searching a pattern. `pattern` must match at the anchor,
    with no letter or digit before it; its group `value`, where it has one, is what is found.
    """

    gate = None

    def __init__(
        self, entity: str, anchors: tuple[str, ...], pattern: str, judge: Judge, *, flags: int = 0
    ) -> None:
        self.entities = frozenset({entity})
        self._entity = entity
        self._anchors = anchors
        self._pattern = re.compile(pattern, flags)
        self._group = "value" if "value" in self._pattern.groupindex else 0
        self._judge = judge

    def find(self, text: str, start: int, stop: int) -> Iterator[Found | None]:
        """See `Detector`."""
        for anchor in self._anchors:
            limit = min(len(text), stop + len(anchor) - 1)
            at = text.find(anchor, start, limit)
            while at >= 0:
                found = self._at(text, at)
                yield found
                at = text.find(anchor, max(at + 1, found.end if found else 0), limit)

    def _at(self, text: str, at: int) -> Found | None:
        if at and text[at - 1].isalnum():
            return None
        match = self._pattern.match(text, at, min(len(text), at + REACH))
        score = None if match is None else self._judge(text, match)
        if match is None or score is None:
            return None
        return Found(match.start(self._group), match.end(self._group), self._entity, score)


def always(score: float) -> Judge:
    """A form that is proof enough."""
    return lambda _text, _match: score


def has_context(text: str, match: "re.Match[str]", words: "re.Pattern[str]") -> bool:
    """Whether one of the words stands shortly before the match, or right after it."""
    before = max(0, match.start() - CONTEXT_CHARACTERS)
    after = min(len(text), match.end() + CONTEXT_CHARACTERS // 2)
    return bool(words.search(text, before, match.start()) or words.search(text, match.end(), after))


def digits_of(text: str) -> str:
    """The ASCII digits of a short text."""
    return "".join(character for character in text if "0" <= character <= "9")
