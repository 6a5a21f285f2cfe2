r"""Patterns in a text that arrives in pieces: what they find does not depend on where it is cut.

A match may need a character more to be certain (`\b`, `$`): then it is `pending` until that is
there. A match of more than `REACH_CHARACTERS` may be missed.
"""

import contextlib
from collections.abc import Generator, Iterable, Iterator
from typing import Any, NamedTuple

from common.domain.content_policy import ContentPattern, Verdict
from common.domain.linear_patterns import InvalidPattern, compiled, compiled_together

REACH_CHARACTERS = 1_024
STEP_CHARACTERS = 8_192
# What says something of the character after a match, or of there being none.
_LOOKS_AHEAD = ("$", r"\b", r"\B", r"\z")


class Watched(NamedTuple):
    """A pattern, compiled; and whether a match of its depends on what comes after it."""

    name: str
    verdict: Verdict
    regex: Any
    looks_ahead: bool


class Patterns:
    """Patterns, ready to be searched; `any` finds something wherever one of them does.

    It is None where they are too large to be searched together.
    """

    def __init__(self, patterns: Iterable[ContentPattern]) -> None:
        """Raises `InvalidPattern`."""
        patterns = list(patterns)
        self._each = _watched(patterns)
        self.any: Any = None
        if self._each:
            with contextlib.suppress(InvalidPattern):
                self.any = compiled_together([one.pattern for one in patterns])

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._each)

    def __bool__(self) -> bool:
        return bool(self._each)


def _watched(patterns: Iterable[ContentPattern]) -> tuple[Watched, ...]:
    """Those that block come first."""
    made = [
        Watched(
            one.name,
            one.verdict,
            compiled(one.pattern),
            any(sign in one.pattern for sign in _LOOKS_AHEAD),
        )
        for one in patterns
    ]
    return tuple(sorted(made, key=lambda one: one.verdict != "block"))


class TextWatch:
    """One text, given piece by piece. Each pattern is told once."""

    def __init__(self, patterns: Patterns) -> None:
        self._any = patterns.any
        self._patterns = list(patterns)
        # The end of what was searched, with one character before it for `\\b` and `^`.
        self._tail = ""
        self._begun = False
        # A pattern that blocks matches, if the text ends here.
        self.pending = False

    def feed(self, piece: str) -> list[Watched]:
        """What has matched for certain by now, and had not before."""
        if not piece or not self._patterns:
            return []
        text = self._tail + piece
        # Halves of characters are none to RE2; it counts in bytes.
        encoded = text.encode("utf-8", "replace")
        start = len(text[0].encode("utf-8", "replace")) if self._begun else 0
        before_last = len(encoded) - len(text[-1].encode("utf-8", "replace"))
        found, self.pending = [], False
        nothing = self._any is not None and self._any.search(encoded, start) is None
        for one in () if nothing else self._patterns:
            stop = before_last if one.looks_ahead else len(encoded)
            if one.regex.search(encoded, start, stop) is not None:
                found.append(one)
            elif one.looks_ahead and one.verdict == "block" and not self.pending:
                self.pending = one.regex.search(encoded, start) is not None
        if len(text) > REACH_CHARACTERS + 1:
            self._begun, text = True, text[-REACH_CHARACTERS - 1 :]
        self._tail = text
        self._tell(found)
        return found

    def end(self) -> list[Watched]:
        """What matches because the text ends here."""
        text, self._tail, self.pending = self._tail, "", False
        if not text:
            return []
        encoded = text.encode("utf-8", "replace")
        start = len(text[0].encode("utf-8", "replace")) if self._begun else 0
        found = [
            one
            for one in self._patterns
            if one.looks_ahead and one.regex.search(encoded, start) is not None
        ]
        self._tell(found)
        return found

    def _tell(self, found: list[Watched]) -> None:
        if found:
            self._patterns = [one for one in self._patterns if one not in found]


def search(text: str, patterns: Patterns) -> Generator[None, None, list[Watched]]:
    """What matches in a whole text; yields after each piece of work."""
    if not patterns:
        return []
    watch = TextWatch(patterns)
    found: list[Watched] = []
    for start in range(0, len(text), STEP_CHARACTERS):
        found += watch.feed(text[start : start + STEP_CHARACTERS])
        yield
    return found + watch.end()
