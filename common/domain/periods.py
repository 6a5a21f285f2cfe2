"""Periods of budgets and daily limits: which one a moment is in, in a calendar of one's own. Pure.

A period's id is the same wherever it is computed: ids of the default calendar (UTC, weeks from
Monday) are those of the store's `spend_totals`.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

Period = Literal["total", "day", "week", "month"]
Weekday = Literal[
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
]  # fmt: skip
WEEKDAYS: tuple[Weekday, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
NEVER_MS = 0


class UnknownTimezone(ValueError):
    """No time zone of that name in the IANA database."""


class Calendar(msgspec.Struct, frozen=True, omit_defaults=True):
    """When days and weeks begin: an IANA time zone, a weekday, an hour of the day (0 to 23)."""

    timezone: str = "UTC"
    week_starts_on: Weekday = "monday"
    day_starts_at: int = 0


class Span(NamedTuple):
    """A period: its id, its first moment and the first one after it, in ms since 1970.

    `total` begins at 0 and never ends (`end_ms` 0).
    """

    id: str
    start_ms: int
    end_ms: int

    def holds(self, moment_ms: int) -> bool:
        """Whether the moment is in it."""
        return self.start_ms <= moment_ms and (self.end_ms == NEVER_MS or moment_ms < self.end_ms)


def span_of(period: Period, moment_ms: int, calendar: Calendar) -> Span:
    """The period that the moment is in. Raises `UnknownTimezone`."""
    if period == "total":
        return Span("total", 0, NEVER_MS)
    day = _day_of(moment_ms, calendar)
    if period == "day":
        first, after = day, day + timedelta(days=1)
    elif period == "week":
        first = day - timedelta(days=(day.weekday() - WEEKDAYS.index(calendar.week_starts_on)) % 7)
        after = first + timedelta(days=7)
    else:
        first = day.replace(day=1)
        after = (first + timedelta(days=31)).replace(day=1)
    name = f"{period}:{_written(period, first, calendar)}"
    return Span(name, _start_ms(first, calendar), _start_ms(after, calendar))


def in_default_calendar(period: Period, calendar: Calendar) -> bool:
    """Whether the store's totals, which are in UTC with weeks from Monday, are this period's."""
    if period == "total":
        return True
    if calendar.timezone != "UTC" or calendar.day_starts_at:
        return False
    return period != "week" or calendar.week_starts_on == "monday"


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """The time zone of that name. Raises `UnknownTimezone`."""
    if name == "UTC":
        return UTC
    # Imported here: an installation that knows only UTC never pays for it.
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownTimezone(f"{name!r} is no time zone of the IANA database") from error


def _day_of(moment_ms: int, calendar: Calendar) -> date:
    """The calendar's day, which may begin hours after midnight."""
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    day = moment.astimezone(zone(calendar.timezone)).date()
    # Compared as instants: an hour that a clock change leaves out or repeats moves the bounds.
    if moment_ms < _start_ms(day, calendar):
        return day - timedelta(days=1)
    if moment_ms >= _start_ms(day + timedelta(days=1), calendar):
        return day + timedelta(days=1)
    return day


def _start_ms(day: date, calendar: Calendar) -> int:
    """When the day begins. An hour that is left out begins with the hour after it."""
    local = datetime.combine(day, time(calendar.day_starts_at), zone(calendar.timezone))
    return int(local.timestamp()) * 1000


def _written(period: Period, first: date, calendar: Calendar) -> str:
    if in_default_calendar(period, calendar):
        form = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
        return first.strftime(form[period])
    begins = f"{calendar.timezone}+{calendar.day_starts_at}"
    if period == "month":
        return f"{first:%Y-%m}@{begins}"
    return f"{first:%Y-%m-%d}@{begins}"
