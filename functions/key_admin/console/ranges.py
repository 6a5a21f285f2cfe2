"""Spans of time that a person chooses, and the steps that a chart of them has. Pure."""

from datetime import date, datetime, time, timedelta, tzinfo

import msgspec

PRESETS = ("24h", "7d", "30d", "90d", "month")
DEFAULT = "7d"
_DAYS = {"7d": 7, "30d": 30, "90d": 90}
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# A chart of more bars than this says nothing.
BARS_MAX = 120
DAYS_MAX = 366 * 100


class Range(msgspec.Struct, frozen=True):
    """From `since` until `until` (exclusive), in a zone; `step` is `hour` or `day` (or `month`)."""

    name: str
    since: datetime
    until: datetime
    step: str
    # Whether days were chosen that cannot be shown, and this is what is shown instead.
    is_wrong: bool = False

    @property
    def before(self) -> tuple[datetime, datetime]:
        """The span of the same length before it."""
        return self.since - (self.until - self.since), self.since

    def labels(self) -> list[str]:
        """Each step's name, as the usage API groups by it."""
        if self.step == "month":
            return _months(self.since.date(), self.until)
        form = "%Y-%m-%dT%H:00" if self.step == "hour" else "%Y-%m-%d"
        found, moment = [], self.since
        while moment < self.until:
            found.append(moment.strftime(form))
            moment = _after(moment, self.step)
        return list(dict.fromkeys(found))


def read(name: str, first: str, last: str, now: datetime, zone: tzinfo) -> Range:
    """What was chosen: a preset, or days from `first` through `last` (both `YYYY-MM-DD`).

    Raises `ValueError` for days that are none, or end before they begin.
    """
    local = now.astimezone(zone)
    if first or last:
        return _of_days(first, last, local, zone)
    preset = name if name in PRESETS else DEFAULT
    if preset == "24h":
        hour = local.replace(minute=0, second=0, microsecond=0)
        return Range(preset, hour - 23 * _HOUR, hour + _HOUR, "hour")
    today = local.date()
    begins = today.replace(day=1) if preset == "month" else today - (_DAYS[preset] - 1) * _DAY
    return Range(preset, _midnight(begins, zone), _midnight(today + _DAY, zone), "day")


def day_after(day: date) -> date:
    """The day that follows; the calendar's last has none, and is its own."""
    return day if day == date.max else day + _DAY


def _of_days(first: str, last: str, local: datetime, zone: tzinfo) -> Range:
    end = date.fromisoformat(last) if last else local.date()
    begin = date.fromisoformat(first) if first else date.fromordinal(max(end.toordinal() - 6, 1))
    if begin > end:
        raise ValueError("the first day is after the last")
    days = (end - begin).days + 1
    # The span before it is shown too, and the calendar has an end.
    if (
        days > DAYS_MAX
        or begin.toordinal() <= 2 * days
        or end.toordinal() + 2 > date.max.toordinal()
    ):
        raise ValueError("no such days can be shown")
    step = "hour" if days <= 2 else "day" if days <= BARS_MAX else "month"
    return Range("custom", _midnight(begin, zone), _midnight(end + _DAY, zone), step)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _after(moment: datetime, step: str) -> datetime:
    """The next step: a day of the calendar, an hour of the clock (as instants)."""
    if step == "day":
        return _midnight(moment.date() + _DAY, moment.tzinfo)  # type: ignore[arg-type]
    return datetime.fromtimestamp(moment.timestamp() + 3600, moment.tzinfo)


def _months(begin: date, until: datetime) -> list[str]:
    month, found = begin.replace(day=1), []
    while month < until.date():
        found.append(f"{month:%Y-%m}")
        month = (month + timedelta(days=31)).replace(day=1)
    return found
