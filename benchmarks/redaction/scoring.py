"""Precision, recall and F1 of an analyser on labelled sentences."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from benchmarks.redaction.sentences import Sentence

Span = tuple[int, int, str]


class Score(NamedTuple):
    """Of one entity: rightly found, wrongly found, missed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score(
    sentences: Iterable[Sentence], analyse: Callable[[str], list[Span]], entities: Iterable[str]
) -> dict[str, Score]:
    """Of each entity. A finding is right where it is of the labelled entity and shares more than
    half of the characters that either of the two has; every other one is wrong."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for sentence in sentences:
        open_ = list(sentence.spans)
        for found in analyse(sentence.text):
            match = next((label for label in open_ if _agree(found, label)), None)
            if match is None:
                wrong[found[2]] += 1
            else:
                open_.remove(match)
                right[found[2]] += 1
        missed.update(entity for _, _, entity in open_)
    return {name: Score(right[name], wrong[name], missed[name]) for name in sorted(entities)}


def total(scores: dict[str, Score]) -> Score:
    """All entities together."""
    return Score(*(sum(column) for column in zip(*scores.values(), strict=True)))


def _agree(found: Span, label: Span) -> bool:
    shared = min(found[1], label[1]) - max(found[0], label[0])
    either = max(found[1], label[1]) - min(found[0], label[0])
    return found[2] == label[2] and shared * 2 > either
