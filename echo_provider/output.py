"""What is generated, in parts made one at a time, so that any amount needs little memory."""

import re
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from echo_provider.tokens import token_ends

_UNIT = "echoing "
_UNITS_PER_PART = 2048
_WORD = "word"


class Part(NamedTuple):
    """A piece of output, and the tokens in it."""

    text: str
    tokens: int


class Output(Protocol):
    """Generated text. `tokens` is exactly what the parts add up to."""

    @property
    def tokens(self) -> int:
        """Tokens in all parts together."""
        ...

    @property
    def cut(self) -> bool:
        """Whether the caller's limit ended it."""
        ...

    def parts(self, count: int | None) -> Iterator[Part]:
        """The text in `count` parts (never more than it has tokens), or in its natural ones."""
        ...


class EchoedText:
    """A text, up to `limit` tokens; its natural parts are its tokens."""

    def __init__(self, text: str, limit: int | None) -> None:
        ends = token_ends(text, None if limit is None else limit + 1)
        self.cut = limit is not None and len(ends) > limit
        if self.cut:
            ends.pop()
        elif ends:
            ends[-1] = len(text)
        self._text = text
        self._ends: array[int] = ends
        self.tokens = len(ends)

    def parts(self, count: int | None) -> Iterator[Part]:
        """See `Output`."""
        start = 0
        for tokens, before in shares(self.tokens, count or self.tokens):
            end = self._ends[before + tokens - 1]
            yield Part(self._text[start:end], tokens)
            start = end


class GeneratedWords:
    """`word1 word2 …`, `count` of them, up to `limit` tokens; its natural parts are words."""

    def __init__(self, count: int, limit: int | None, word: str = _WORD) -> None:
        self._word = word
        self.cut = limit is not None and count > limit
        self.tokens = limit if limit is not None and self.cut else count

    def parts(self, count: int | None) -> Iterator[Part]:
        """See `Output`."""
        for tokens, before in shares(self.tokens, count or self.tokens):
            text = " ".join(f"{self._word}{before + index + 1}" for index in range(tokens))
            yield Part(text if before + tokens == self.tokens else f"{text} ", tokens)


class GeneratedBytes:
    """Exactly `size` bytes of ASCII, `echoing echoing …`: a token for each 8 bytes begun.

    Up to `limit` tokens. Its natural parts have 16 KiB.
    """

    def __init__(self, size: int, limit: int | None) -> None:
        units = -(-size // len(_UNIT))
        self.cut = limit is not None and units > limit
        self.tokens = limit if limit is not None and self.cut else units
        self._size = min(size, self.tokens * len(_UNIT))

    def parts(self, count: int | None) -> Iterator[Part]:
        """See `Output`."""
        left = self._size
        for tokens, _ in shares(self.tokens, count or -(-self.tokens // _UNITS_PER_PART)):
            text = (_UNIT * tokens)[:left]
            left -= len(text)
            yield Part(text, tokens)


def repeated_to(text: str, tokens: int) -> str:
    """The text again and again until it has that many tokens; it must have one at least."""
    present = len(token_ends(text, None))
    return " ".join([text] * -(-tokens // present)) if present < tokens else text


def before_stop(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    """The text before the stop sequence that comes first, and which one that was."""
    if not stops:
        return text, None
    found = re.search("|".join(re.escape(stop) for stop in stops), text)
    return (text, None) if found is None else (text[: found.start()], found.group())


def shares(total: int, count: int) -> Iterator[tuple[int, int]]:
    """Split `total` evenly into `count` shares without empty ones: each, and the sum before it."""
    count = min(count, total)
    before = 0
    for index in range(count):
        after = total * (index + 1) // count
        yield after - before, before
        before = after
