"""Checks of texts that are whole: a request's, an answer's."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from typing import NamedTuple

from common.guardrails.watching import Patterns, search

# So many texts without a match are looked at in one piece of work.
STEP_TEXTS = 50


class Text(NamedTuple):
    """A text, and the field where it stands."""

    field: str
    text: str


class Match(NamedTuple):
    """A pattern's name, and the field that it was found in; never what it found."""

    name: str
    field: str


class Outcome(NamedTuple):
    """How many characters a request's texts have, which pattern blocks, and which ones flag."""

    characters: int
    blocked: Match | None
    flagged: tuple[str, ...]


def check(
    texts: Iterable[Text | None],
    patterns: Patterns,
    characters_max: int | None = None,
    *,
    request_of: Callable[[str], str] = lambda _field: "",
) -> Generator[None, None, Outcome]:
    """Search all texts, up to the first that is blocked; yields after each piece of work.

    Past `characters_max` nothing is searched any more, and the count goes on. `request_of` tells
    by a field which of a batch's requests it belongs to: the longest one counts.
    """
    characters: Counter[str] = Counter()
    blocked: Match | None = None
    flagged: dict[str, None] = {}
    for number, one in enumerate(texts, 1):
        if one is None or number % STEP_TEXTS == 0:
            yield
        if one is None:
            continue
        belongs_to = request_of(one.field)
        characters[belongs_to] += len(one.text)
        too_long = characters_max is not None and characters[belongs_to] > characters_max
        if blocked is not None or too_long:
            continue
        for found in (yield from search(one.text, patterns)):
            if found.verdict == "flag":
                flagged[found.name] = None
            elif blocked is None:
                blocked = Match(found.name, one.field)
    return Outcome(max(characters.values(), default=0), blocked, tuple(flagged))
