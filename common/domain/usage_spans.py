"""Which sums a report reads: the coarsest that fill its time without a rest.

Sums are kept by quarters of an hour and, of UTC, by whole days and whole months. A span is whole
months inside, then whole days on both sides of them, then quarters of an hour, then the records
themselves at both edges.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

import msgspec

Step = Literal["record", "quarter", "day", "month"]
Cut = Literal["all", "served", "team"]
# What sums are kept of without keys and users, the smallest first: what each of them keeps, and in
# which steps.
CUTS: dict[Cut, tuple[frozenset[str], frozenset[Step]]] = {
    "all": (frozenset({"status"}), frozenset({"quarter", "day", "month"})),
    "team": (frozenset({"status", "team_id"}), frozenset({"day", "month"})),
    "served": (
        frozenset({"status", "account_id", "provider", "model", "endpoint"}),
        frozenset({"day", "month"}),
    ),
}
QUARTER = timedelta(minutes=15)
# Of fewer days of UTC, or with more quarters to be moved, days of a zone are not made of them.
DAYS_MIN, MOVED_MAX = 3, 8000
_DAY = timedelta(days=1)
_FINER: dict[Step, Step] = {"month": "day", "day": "quarter", "quarter": "record"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Piece(msgspec.Struct, frozen=True):
    """A part of a span: since (inclusive) until (exclusive), UTC; None is without a bound."""

    step: Step
    since: datetime | None
    until: datetime | None


class LocalDays(msgspec.Struct, frozen=True):
    """Whole days of UTC from `since` until `until`, and the quarters of them that are to be moved.

    Each day stands for the date of its noon in a zone. With the quarters, told by their begins,
    taken away from it and given to their own date, days of UTC make up those of the zone.
    """

    since: datetime
    until: datetime
    moved: tuple[datetime, ...]


def cut_for(columns: Iterable[str], step: Step) -> Cut | None:
    """The smallest sums that know these columns, by that step; None: those of all columns."""
    wanted = set(columns)
    return next(
        (name for name, (kept, steps) in CUTS.items() if wanted <= kept and step in steps), None
    )


def pieces(since: datetime | None, until: datetime | None, coarsest: Step) -> list[Piece]:
    """The span in pieces that touch and do not overlap, by steps up to the coarsest one.

    Both bounds are UTC-aware. At least one piece, which is empty when the span is.
    """
    found: list[Piece] = []
    try:
        _split(found, since, until, coarsest)
    except OverflowError:  # so near the calendar's first or last day
        return [Piece("record", since, until)]
    return found or [Piece("record", since, until)]


def _split(found: list[Piece], since: datetime | None, until: datetime | None, step: Step) -> None:
    if since is not None and until is not None and since >= until:
        return
    if step == "record":
        found.append(Piece(step, since, until))
        return
    finer = _FINER[step]
    first = None if since is None else _next(since, step)
    last = None if until is None else _floor(until, step)
    if first is not None and last is not None and first >= last:
        _split(found, since, until, finer)
        return
    if since is not None:
        _split(found, since, first, finer)
    found.append(Piece(step, first, last))
    if until is not None:
        _split(found, last, until, finer)


def local_days(since: datetime, until: datetime, zone: tzinfo) -> LocalDays | None:
    """The days of UTC inside a span, for days of that zone.

    None where they save nothing, or where a date begins within a quarter of an hour.
    """
    moved: list[datetime] = []
    try:
        first, last = _next(since, "day"), _floor(until, "day")
        if (last - first).days < DAYS_MIN:
            return None
        day = first
        while day < last:
            noon, end = (day + _DAY / 2).astimezone(zone).date(), day + _DAY
            midnights = [_midnight(noon, zone), _midnight(noon + _DAY, zone)]
            if not all(is_begin(one, "quarter") for one in midnights):
                return None
            moved += [*_quarters(day, midnights[0]), *_quarters(midnights[1], end)]
            if len(moved) > MOVED_MAX:
                return None
            day = end
    except OverflowError:
        return None
    return LocalDays(first, last, tuple(moved))


def _quarters(since: datetime, until: datetime) -> Iterator[datetime]:
    while since < until:
        yield since
        since += QUARTER


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def is_begin(moment: datetime, step: Step) -> bool:
    """Whether such a step begins at that moment."""
    try:
        return _floor(moment, step) == moment
    except OverflowError:  # the calendar's first or last day, in another zone
        return False


def _floor(moment: datetime, step: Step) -> datetime:
    moment = moment.astimezone(UTC)
    if step == "quarter":
        return moment - (moment - _EPOCH) % QUARTER
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day.replace(day=1) if step == "month" else day


def _next(moment: datetime, step: Step) -> datetime:
    """The first begin of such a step that is not before the moment."""
    floor = _floor(moment, step)
    if floor == moment:
        return floor
    longest = {"quarter": QUARTER, "day": _DAY, "month": 32 * _DAY}[step]
    return _floor(floor + longest, step)
