"""A span in pieces: nothing is missing, nothing twice, and coarse where it can be."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.usage_spans import DAYS_MIN, Piece, cut_for, is_begin, local_days, pieces

QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
BEGIN = datetime(2023, 11, 28, tzinfo=UTC)
EPOCH = datetime(2012, 1, 1, tzinfo=UTC)
MOMENTS = st.none() | st.builds(
    lambda day, quarter, more: BEGIN + day * DAY + quarter * QUARTER + timedelta(microseconds=more),
    st.integers(0, 500),
    st.sampled_from((0, 0, 1, 48, 95)),
    st.sampled_from((0, 0, 1, 899_999_999)),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def begins(moment: datetime | None, step: str) -> bool:
    if moment is None or step == "record":
        return True
    if step == "quarter":
        return moment.minute % 15 == moment.second == moment.microsecond == 0
    return (moment.hour, moment.minute) == (0, 0) and (step == "day" or moment.day == 1)


@given(MOMENTS, MOMENTS, st.sampled_from(("quarter", "day", "month")))
def test_pieces_are_the_span_whole_and_once(since, until, coarsest):
    found = pieces(since, until, coarsest)
    if since is not None and until is not None and since >= until:
        assert found == [Piece("record", since, until)]
        return
    assert (found[0].since, found[-1].until) == (since, until)
    assert all(one.until == other.since is not None for one, other in pairwise(found))
    for piece in found:
        assert piece.since is None or piece.until is None or piece.since < piece.until
        assert begins(piece.since, piece.step)
        assert begins(piece.until, piece.step)
        # No more than the edges of what is coarser.
        if piece.since is not None and piece.until is not None:
            if piece.step == "record":
                assert piece.until - piece.since < 2 * QUARTER
            if piece.step == "quarter" and coarsest != "quarter":
                assert piece.until - piece.since < 2 * DAY
            if piece.step == "day" and coarsest == "month":
                assert piece.until - piece.since < 61 * DAY
    assert len(found) <= {"quarter": 3, "day": 5, "month": 7}[coarsest]


@pytest.mark.parametrize(
    ("since", "until", "coarsest", "expected"),
    [
        (None, None, "month", [("month", None, None)]),
        (
            "2026-01-30T10:07",
            "2026-04-02T00:30",
            "month",
            [
                ("record", "2026-01-30T10:07", "2026-01-30T10:15"),
                ("quarter", "2026-01-30T10:15", "2026-01-31T00:00"),
                ("day", "2026-01-31T00:00", "2026-02-01T00:00"),
                ("month", "2026-02-01T00:00", "2026-04-01T00:00"),
                ("day", "2026-04-01T00:00", "2026-04-02T00:00"),
                ("quarter", "2026-04-02T00:00", "2026-04-02T00:30"),
            ],
        ),
        (
            "2026-12-31T00:00",
            None,
            "month",
            [("day", "2026-12-31T00:00", "2027-01-01T00:00"), ("month", "2027-01-01T00:00", None)],
        ),
        ("2026-12-31T00:00", None, "day", [("day", "2026-12-31T00:00", None)]),
        (
            "2026-05-01T23:45",
            "2026-05-02T23:45",
            "day",
            [("quarter", "2026-05-01T23:45", "2026-05-02T23:45")],
        ),
    ],
)
def test_by_example(since, until, coarsest, expected):
    bounds = [None if text is None else at(text) for text in (since, until)]
    assert pieces(*bounds, coarsest) == [
        Piece(step, begin and at(begin), end and at(end)) for step, begin, end in expected
    ]


def test_days_are_those_of_utc_whatever_the_bounds_are_written_in():
    berlin = timezone(timedelta(hours=2))
    since, until = datetime(2026, 7, 1, tzinfo=berlin), datetime(2026, 7, 3, tzinfo=berlin)
    assert [(one.step, one.since) for one in pieces(since, until, "day")] == [
        ("quarter", since),
        ("day", at("2026-07-01T00:00")),
        ("quarter", at("2026-07-02T00:00")),
    ]


@pytest.mark.parametrize(("year", "month", "day", "hours"), [(1, 1, 1, 14), (9999, 12, 31, -12)])
def test_the_calendars_ends_are_no_error(year, month, day, hours):
    zone = timezone(timedelta(hours=hours))
    there = datetime(year, month, day, 12, 46, tzinfo=zone)
    assert pieces(there, None, "month")
    assert pieces(None, there, "month")
    assert not is_begin(there, "quarter")


@given(
    st.sampled_from(sorted(available_timezones())),
    st.integers(0, 25 * 365 * 96).map(lambda count: EPOCH + count * QUARTER),
    st.integers(1, 40),
    st.data(),
)
def test_days_of_utc_with_what_is_moved_are_the_days_of_every_zone(name, since, length, data):
    zone, until = ZoneInfo(name), since + length * DAY
    found = local_days(since, until, zone)
    if found is None:
        assert (until - since).days < DAYS_MIN + 1
        return
    assert since <= found.since <= found.until <= until
    assert sorted(set(found.moved)) == list(found.moved)
    quarters = (found.until - found.since) // QUARTER
    moment = found.since + QUARTER * data.draw(st.integers(0, quarters - 1))
    dated_by = moment if moment in found.moved else moment.replace(hour=12, minute=0)
    own = dated_by.astimezone(zone).date()
    assert own == moment.astimezone(zone).date()


@pytest.mark.parametrize(
    ("columns", "step", "cut"),
    [
        ((), "quarter", "all"),
        (("status",), "month", "all"),
        (("team_id",), "day", "team"),
        (("team_id", "status"), "quarter", None),
        (("model", "provider", "account_id", "endpoint", "status"), "month", "served"),
        (("model",), "quarter", None),
        (("model", "team_id"), "day", None),
        (("key_id",), "day", None),
        (("user_id", "status"), "month", None),
    ],
)
def test_the_smallest_sums_that_know_what_is_asked_are_read(columns, step, cut):
    assert cut_for(columns, step) == cut
