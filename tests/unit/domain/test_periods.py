"""Periods: the right one for every moment, in every zone, over every change of the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.periods import (
    WEEKDAYS,
    Calendar,
    Span,
    UnknownTimezone,
    in_default_calendar,
    span_of,
)

HOUR_MS = 3_600_000
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
    "America/Sao_Paulo", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu",
)  # fmt: skip
moments = st.integers(0, 4_000_000_000_000)
calendars = st.builds(
    Calendar, st.sampled_from(ZONES), st.sampled_from(WEEKDAYS), st.integers(0, 23)
)
periods = st.sampled_from(("day", "week", "month"))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@given(periods, moments, calendars)
def test_a_moment_is_in_its_period_and_so_are_both_of_its_ends(period, moment, calendar):
    span = span_of(period, moment, calendar)
    assert span.holds(moment)
    assert span_of(period, span.start_ms, calendar) == span
    assert span_of(period, span.end_ms - 1, calendar) == span


@given(periods, moments, calendars)
def test_periods_follow_each_other_without_gap_and_with_other_ids(period, moment, calendar):
    span = span_of(period, moment, calendar)
    after = span_of(period, span.end_ms, calendar)
    assert after.start_ms == span.end_ms
    assert after.id != span.id


@given(moments, calendars)
def test_a_day_is_a_day_long_but_for_changes_of_the_clock(moment, calendar):
    span = span_of("day", moment, calendar)
    # Samoa left out a whole day in 2011.
    assert 0 < span.end_ms - span.start_ms <= 49 * HOUR_MS
    if calendar.timezone == "UTC":
        assert span.end_ms - span.start_ms == 24 * HOUR_MS


@given(periods, moments, calendars)
def test_a_period_begins_at_the_hour_and_day_that_the_calendar_says(period, moment, calendar):
    span = span_of(period, moment, calendar)
    zone = ZoneInfo(calendar.timezone)
    first = datetime.fromtimestamp(span.start_ms / 1000, zone)
    # An hour that a change of the clock leaves out begins later, never earlier.
    wall = first.hour + first.minute / 60
    assert (
        wall == calendar.day_starts_at
        or first.utcoffset()
        != (first - timedelta(hours=3)).astimezone(UTC).astimezone(zone).utcoffset()
    )
    if wall == calendar.day_starts_at and period == "week":
        assert first.weekday() == WEEKDAYS.index(calendar.week_starts_on)
    if wall == calendar.day_starts_at and period == "month":
        assert first.day == 1


@given(moments)
def test_ids_of_the_default_calendar_are_those_of_the_totals(moment):
    when = datetime.fromtimestamp(moment / 1000, UTC)
    assert span_of("day", moment, Calendar()).id == f"day:{when:%Y-%m-%d}"
    assert span_of("week", moment, Calendar()).id == f"week:{when:%G-W%V}"
    assert span_of("month", moment, Calendar()).id == f"month:{when:%Y-%m}"
    assert span_of("total", moment, Calendar()) == Span("total", 0, 0)


@given(periods, moments, calendars, calendars)
def test_two_calendars_share_an_id_only_where_they_share_the_period(period, moment, one, other):
    first, second = span_of(period, moment, one), span_of(period, moment, other)
    if first.id == second.id:
        assert first == second


@pytest.mark.parametrize(
    ("moment", "hours"), [("2026-03-29T12:00:00+02:00", 23), ("2026-10-25T12:00:00+01:00", 25)]
)
def test_the_days_of_a_clock_change_are_shorter_and_longer(moment, hours):
    span = span_of("day", ms(moment), Calendar("Europe/Berlin"))
    assert span.end_ms - span.start_ms == hours * HOUR_MS


def test_an_hour_that_is_left_out_begins_the_day_an_hour_later():
    calendar = Calendar("Europe/Berlin", day_starts_at=2)
    span = span_of("day", ms("2026-03-29T12:00:00+02:00"), calendar)
    assert span.start_ms == ms("2026-03-29T03:00:00+02:00")
    assert span_of("day", span.start_ms - 1, calendar).end_ms == span.start_ms


def test_examples_of_other_calendars():
    sunday = Calendar("America/New_York", "sunday", 6)
    moment = ms("2026-11-22T05:59:00-05:00")  # a Sunday, a minute before its day begins
    assert span_of("week", moment, sunday).id == "week:2026-11-15@America/New_York+6"
    assert span_of("week", moment + 60_000, sunday).id == "week:2026-11-22@America/New_York+6"
    assert span_of("day", moment, sunday).id == "day:2026-11-21@America/New_York+6"
    assert span_of("month", moment, sunday).id == "month:2026-11@America/New_York+6"
    assert span_of("week", moment, Calendar(week_starts_on="sunday")).id == (
        "week:2026-11-22@UTC+0"
    )
    assert in_default_calendar("day", Calendar(week_starts_on="sunday"))
    assert not in_default_calendar("week", Calendar(week_starts_on="sunday"))


@pytest.mark.parametrize("name", ["Mars/Base", "", "../etc/passwd", "/etc/passwd", "a\0b"])
def test_an_unknown_zone_is_said(name):
    with pytest.raises(UnknownTimezone):
        span_of("day", 0, Calendar(name))
