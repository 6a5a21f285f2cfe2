"""Long texts in pieces that a language model reads one by one, cut where no name is.

A cut depends on the text near it alone: what was added to a text, or changed in it, leaves the
pieces elsewhere as they were, so that their findings are remembered.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# A piece ends at the first good place after so many characters; it never has more than the most.
PIECE_CHARACTERS = 1_000
PIECE_CHARACTERS_MAX = 2_000
# Best first: between paragraphs, lines, sentences (of Chinese and Japanese too), then words.
_CUTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n[^\S\n]*\n\s*",
        r"\n\s*",
        r"[.!?…]['\")\]]*\s+|[\u3002\uff01\uff1f]\s*",
        r"\s+",
    )
)
_HAS_WORD = re.compile(r"[^\W\d_]{2}")


class Piece(NamedTuple):
    """A part of a text, and where it begins there."""

    start: int
    text: str


def pieces(text: str) -> Iterator[Piece]:
    """The parts of a text that have words in them, in order; together they leave out no word."""
    start = 0
    while len(text) - start > PIECE_CHARACTERS_MAX:
        end = _cut(text, start)
        if has_words(text, start, end):
            yield Piece(start, text[start:end])
        start = end
    if has_words(text, start, len(text)):
        yield Piece(start, text[start:] if start else text)


def has_words(text: str, start: int, end: int) -> bool:
    """Whether there are two letters in a row: where there are none, nothing has a name."""
    return _HAS_WORD.search(text, start, end) is not None


def _cut(text: str, start: int) -> int:
    """Where the piece that begins at `start` ends; the text goes on behind its longest form."""
    least, most = start + PIECE_CHARACTERS, start + PIECE_CHARACTERS_MAX
    for cut in _CUTS:
        if (found := cut.search(text, least, most)) is not None:
            return found.end()
    return most
