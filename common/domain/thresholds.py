"""At which parts of a budget an event tells of its spending, and what that event says. Pure."""

import hashlib
import re
from typing import get_args
from uuid import UUID

import msgspec

from common.domain.ids import uuid_to_ulid
from common.domain.money import PICO_PER_NANO, usd_text
from common.domain.policies import Level

PERCENT_MAX = 1_000
LEVELS: tuple[Level, ...] = get_args(Level)
DEFAULT_MARKS: dict[Level, tuple[int, ...]] = dict.fromkeys(LEVELS, (50, 80, 100))
# A user's id may have any characters, a period's has no colon but its first.
_COUNTER = re.compile(r"money:(.+):(total|(?:day|week|month):[^:]+)", re.DOTALL)


class Passed(msgspec.Struct, frozen=True, array_like=True):
    """What `thresholds.lua` writes: a counter, its budget, the mark, what is spent, the end.

    Money in nano-USD; `ends_ms` since 1970, 0 = never. `highest_percent` is the highest mark that
    was passed with this one, 0 of an entry from before it was written.
    """

    counter: str
    budget_nano: int
    percent: int
    spent_nano: int
    ends_ms: int
    highest_percent: int = 0

    @property
    def scope(self) -> str:
        """Whose budget it is, as in `spend_totals`. Raises `ValueError`."""
        return self._parts()[0]

    @property
    def period(self) -> str:
        """The period's id, such as `day:2026-11-26`. Raises `ValueError`."""
        return self._parts()[1]

    @property
    def budget_usd(self) -> str:
        """The budget as decimal text."""
        return usd_text(self.budget_nano * PICO_PER_NANO)

    @property
    def spent_usd(self) -> str:
        """What was spent when the mark was passed."""
        return usd_text(self.spent_nano * PICO_PER_NANO)

    def event_id(self, prefix: str) -> str:
        """The same for each time that it is sent; `prefix` tells installations apart."""
        named = f"{prefix}\0{self.counter}\0{self.budget_nano}\0{self.percent}"
        return f"threshold-{hashlib.sha256(named.encode()).hexdigest()[:32]}"

    def _parts(self) -> tuple[str, str]:
        found = _COUNTER.fullmatch(self.counter)
        if found is None:
            raise ValueError(f"{self.counter!r} counts no money of a period")
        return found[1], found[2]


def parse_marks(text: str) -> dict[Level, tuple[int, ...]]:
    """Percents for each level from `50,80,100;key=100;user=`. Raises `ValueError`.

    What stands without a level is for all levels that are not named; nothing is no event.
    """
    named: dict[str, tuple[int, ...]] = {}
    for part in text.split(";"):
        level, equals, percents = part.strip().rpartition("=")
        if (equals and level not in LEVELS) or level in named:
            raise ValueError(f"{part!r} names no level, or one twice")
        named[level] = _percents(percents)
    default = named.get("", DEFAULT_MARKS["organisation"])
    return {level: named.get(level, default) for level in LEVELS}


def subject_of(scope: str) -> tuple[str, str]:
    """A scope as its level and the id that the API knows it by."""
    level, _, subject = scope.partition(":")
    if level in ("team", "key"):
        subject = uuid_to_ulid(UUID(subject))
    return level, subject or level


def _percents(text: str) -> tuple[int, ...]:
    percents = sorted({int(one) for one in text.split(",") if one.strip()})
    if percents and not 1 <= percents[0] <= percents[-1] <= PERCENT_MAX:
        raise ValueError(f"percents are 1 to {PERCENT_MAX}")
    return tuple(percents)
