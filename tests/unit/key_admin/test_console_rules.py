"""The console's pure rules: figures, spans of time, forms, charts."""

from datetime import UTC, date, datetime
from decimal import Decimal
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from functions.key_admin.console import charts, ranges
from functions.key_admin.console.formats import MINUS, NOTHING, Formats, ago
from functions.key_admin.console.forms import Input, count, figure, flattened, members

ENGLISH, GERMAN = Formats("en", UTC), Formats("de", ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("amount", "english", "german"),
    [
        ("0", "$0.00", "0,00 $"),
        ("1234.567", "$1,234.57", "1.234,57 $"),
        ("0.0123456", "$0.0123", "0,0123 $"),
        ("0.00000855", "$0.0000086", "0,0000086 $"),
        ("-2", f"{MINUS}$2.00", f"{MINUS}2,00 $"),
        (None, "$0.00", "0,00 $"),
    ],
)
def test_money(amount, english, german):
    assert (ENGLISH.usd(amount), GERMAN.usd(amount)) == (english, german)


@pytest.mark.parametrize("text", ["9" * 5000, "--5", "\u00b2", "", "many"])
def test_what_is_no_whole_number_stays_a_text(text):
    assert (figure(text), count(text)) == (text, 0)


def test_whole_numbers():
    assert [figure(text) for text in ("1 000", "-5", "007")] == [1000, -5, 7]
    assert [count(text) for text in ("-5", "12")] == [0, 12]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("", "9999-12-31"),
        ("0001-01-01", "2026-01-01"),
        ("", "0001-01-03"),
        ("0001-01-01", "9999-12-30"),
    ],
)
def test_days_at_the_calendars_ends_are_refused(first, last):
    with pytest.raises(ValueError, match="days"):
        ranges.read("", first, last, datetime(2026, 1, 31, tzinfo=UTC), ZoneInfo("Asia/Tokyo"))


def test_the_calendars_last_day_is_its_own_day_after():
    assert ranges.day_after(date(2026, 12, 31)) == date(2027, 1, 1)
    assert ranges.day_after(date.max) == date.max


def test_exact_money_keeps_every_digit():
    assert ENGLISH.exact_usd("0.000008550000") == "$0.00000855"
    assert ENGLISH.exact_usd("250.000000000000") == "$250.00"


def test_figures():
    assert [ENGLISH.short(n) for n in (999, 1_234, 12_345_678)] == ["999", "1.2k", "12.3M"]
    assert ENGLISH.percent(1, 3) == "33%"
    assert GERMAN.percent(1, 300) == "0,3 %"
    assert ENGLISH.percent(1, 0) == NOTHING
    assert [ENGLISH.milliseconds(n) for n in (None, 640, 1_240)] == [NOTHING, "640 ms", "1.24 s"]
    assert ENGLISH.bytes(3 * 2**20) == "3.0 MiB"


def test_times_are_the_persons():
    assert GERMAN.moment("2026-07-01T22:30:00.000Z") == "02.07.2026 00:30:00"
    assert ENGLISH.moment(None) == NOTHING
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert ago("2026-01-01T22:59:00Z", now) == ("hours", 1)
    assert ago("2026-01-02T00:00:05Z", now) == ("now", 0)


def test_a_preset_ends_with_today_in_the_zone():
    zone = ZoneInfo("Asia/Kathmandu")
    # 20:00 UTC is the next day in Kathmandu.
    chosen = ranges.read("7d", "", "", datetime(2026, 3, 1, 20, tzinfo=UTC), zone)
    assert (chosen.labels()[0], chosen.labels()[-1], len(chosen.labels())) == (
        *("2026-02-24", "2026-03-02"),
        7,
    )
    assert chosen.before == (datetime(2026, 2, 17, tzinfo=zone), chosen.since)


def test_hours_of_a_day_that_is_an_hour_shorter():
    zone = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 3, 29, 12, tzinfo=UTC)
    chosen = ranges.read("", "2026-03-29", "2026-03-29", now, zone)
    assert chosen.step == "hour"
    assert len(chosen.labels()) == 23
    assert "2026-03-29T02:00" not in chosen.labels()


def test_many_days_are_shown_by_months():
    chosen = ranges.read("", "2025-11-15", "2026-04-01", datetime(2026, 5, 1, tzinfo=UTC), UTC)
    assert chosen.labels() == [*("2025-11", "2025-12", "2026-01", "2026-02", "2026-03", "2026-04")]


@pytest.mark.parametrize("days", [("2026-02-30", ""), ("2026-02-03", "2026-02-01"), ("x", "y")])
def test_days_that_are_none(days):
    with pytest.raises(ValueError, match=r"\w"):
        ranges.read("", *days, datetime(2026, 5, 1, tzinfo=UTC), UTC)


FIELDS = (
    Input("name"),
    Input("limits.window.minutes", "integer"),
    Input("tags", "lines"),
    *(Input(f"budgets[{row}].usd") for row in range(3)),
)


def test_a_form_becomes_members_and_these_a_form():
    given = {"name": " a key ", "limits.window.minutes": "1 000", "tags": "x\n y,\n"}
    given |= {"budgets[0].usd": "", "budgets[2].usd": "5"}
    body = members(FIELDS, given)
    assert body == {
        "name": "a key",
        "limits": {"window": {"minutes": 1000}},
        "tags": ["x", "y"],
        "budgets": [{"usd": "5"}],
    }
    assert flattened(body) == {
        "name": "a key",
        "limits.window.minutes": "1000",
        "tags": "x\ny",
        "budgets[0].usd": "5",
    }


@pytest.mark.parametrize(
    ("typed", "english", "german"),
    [
        ("12.50", "12.50", "12.50"),
        ("12,50", "12.50", "12.50"),
        ("0,0301", "0.0301", "0.0301"),
        ("1,234", "1,234", "1.234"),
        ("1.234", "1.234", "1.234"),
        ("1,234.50", "1234.50", "1,234.50"),
        ("1.234,50", "1.234,50", "1234.50"),
        ("1,234,567", "1234567", "1,234,567"),
        ("1.234.567", "1.234.567", "1234567"),
        ("12,34,567", "12,34,567", "12,34,567"),
        ("1.23,5", "1.23,5", "1.23,5"),
    ],
)
def test_money_is_read_as_the_language_writes_it(typed, english, german):
    field = Input("usd", "decimal")
    assert members([field], {"usd": typed}, "en") == {"usd": english}
    assert members([field], {"usd": typed}, "de") == {"usd": german}


@pytest.mark.parametrize(
    ("kind", "typed", "english", "german"),
    [
        ("integer", "10,000", 10_000, "10,000"),
        ("integer", "10.000", "10.000", 10_000),
        ("integer", "1.5", "1.5", "1.5"),
        ("number", "0,5", 0.5, 0.5),
        ("number", "1,234", "1,234", 1.234),
        ("number", ".5", 0.5, 0.5),
    ],
)
def test_figures_are_read_as_the_language_writes_them(kind, typed, english, german):
    field = Input("n", kind)
    assert members([field], {"n": typed}, "en") == {"n": english}
    assert members([field], {"n": typed}, "de") == {"n": german}


def test_what_is_no_figure_is_left_for_the_api_to_refuse():
    assert members(FIELDS, {"limits.window.minutes": "ten"}) == {
        "limits": {"window": {"minutes": "ten"}}
    }


@pytest.mark.parametrize(
    ("value", "top"),
    [("0", "0"), ("1", "1"), ("1.01", "1.2"), ("23", "24"), ("0.81", "1"), ("510", "600")],
)
def test_a_scale_ends_at_a_round_figure(value, top):
    assert charts.ceiling(Decimal(value)) == Decimal(top)


def test_charts_are_well_formed_whatever_they_are_of():
    words = "<script>alert(1)</script> & \"'"
    drawn = [
        charts.bars([charts.Bar(words, Decimal(3), words), charts.Bar("b", Decimal(0), "")], words),
        charts.bars([], ""),
        charts.sparkline([Decimal(1), Decimal(5)], words),
        charts.sparkline([], words),
        charts.share(Decimal(1), Decimal(3), words),
        charts.meter(Decimal(9), Decimal(3), Decimal(10), words),
    ]
    for text in drawn:
        root = ElementTree.fromstring(text)
        assert not list(root.iter("script"))
        assert "style=" not in text
    held = ElementTree.fromstring(drawn[-1])
    widths = {one.get("class"): one.get("width") for one in held}
    assert widths == {"track": "100", "held": "10.00", "used": "90.00"}
