"""Findings: where something stands and what it is, never the text itself."""

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Found(NamedTuple):
    """Characters `start` to `end` (exclusive) of a text are an entity, so surely (0 to 1)."""

    start: int
    end: int
    entity: str
    score: float


def _alike(_entity: str) -> int:
    return 0


def resolve(found: Iterable[Found], strength: Callable[[str], int] = _alike) -> list[Found]:
    """Findings without overlaps, in order; every character that was found stays found.

    The winner is the one of the stronger entity, then the longer, the surer, the earlier; of the
    others stays what stands outside it, so that no half of a value is left in the text.
    """
    ranked = sorted(
        found,
        key=lambda one: (
            *(-strength(one.entity), one.start - one.end, -one.score, one.start, one.entity),
        ),
    )
    kept: list[Found] = []
    for one in ranked:
        pieces = [(one.start, one.end)]
        for winner in kept:
            pieces = [piece for rest in pieces for piece in _outside(*rest, winner)]
            if not pieces:
                break
        kept.extend(one._replace(start=start, end=end) for start, end in pieces)
    kept.sort()
    return kept


def clusters(found: Iterable[Found]) -> Iterable[list[Found]]:
    """Findings, sorted by their start, in groups of those that overlap."""
    group: list[Found] = []
    end = 0
    for one in found:
        if group and one.start >= end:
            yield group
            group = []
        group.append(one)
        end = max(end, one.end) if len(group) > 1 else one.end
    if group:
        yield group


def _outside(start: int, end: int, winner: Found) -> Iterable[tuple[int, int]]:
    if end <= winner.start or winner.end <= start:
        return [(start, end)]
    pieces = ((start, winner.start), (winner.end, end))
    return [piece for piece in pieces if piece[0] < piece[1]]
