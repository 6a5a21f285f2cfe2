"""At which parts of a budget somebody is told, and how the event names what it is of."""

import pytest

from common.domain.policies import key_scope
from common.domain.thresholds import DEFAULT_MARKS, Passed, parse_marks, subject_of

KEY_ID = "01ARYZ6S41TSV4RRFFQ69G5FAV"


def test_marks_are_for_all_levels_or_for_one():
    assert parse_marks("50,80,100") == DEFAULT_MARKS
    assert parse_marks("100, 80,80;key=;user=90") == {
        "organisation": (80, 100),
        "team": (80, 100),
        "user": (90,),
        "key": (),
    }
    assert parse_marks("team=10") == DEFAULT_MARKS | {"team": (10,)}


@pytest.mark.parametrize("text", ["0", "1001", "half", "80;90", "keys=80", "key=80;key=90", "-5"])
def test_what_is_no_percent_or_no_level_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_marks(text)


@pytest.mark.parametrize(
    ("scope", "period"),
    [
        ("organisation", "total"),
        ("user:a:day:total", "total"),
        ("user:x:day:2026-01-01", "week:2026-11-23@Europe/Berlin+5"),
        ("key:018f5f2c-8c80-7000-8000-000000000001", "day:2026-11-26"),
        ("user:two\nlines", "month:2026-11"),
    ],
)
def test_a_counter_says_whose_it_is_and_of_when(scope, period):
    passed = Passed(f"money:{scope}:{period}", 10**9, 80, 8 * 10**8, 0)
    assert (passed.scope, passed.period) == (scope, period)
    assert passed.budget_usd == "1.000000000000"
    assert passed.spent_usd == "0.800000000000"


def test_what_is_no_counter_of_money_is_refused():
    with pytest.raises(ValueError, match="counts no money"):
        _ = Passed("count:user:x:day:2026-01-01", 1, 1, 1, 0).scope


def test_an_event_has_one_id_by_installation_budget_period_and_mark():
    passed = Passed("money:user:x:total", 10**9, 80, 8 * 10**8, 0)
    same = Passed("money:user:x:total", 10**9, 80, 9 * 10**8, 0)
    assert passed.event_id("{relay}") == same.event_id("{relay}")
    others = {
        passed.event_id("{relay:b}"),
        Passed("money:user:y:total", 10**9, 80, 1, 0).event_id("{relay}"),
        Passed("money:user:x:total", 10**8, 80, 1, 0).event_id("{relay}"),
        Passed("money:user:x:total", 10**9, 50, 1, 0).event_id("{relay}"),
    }
    assert len(others | {passed.event_id("{relay}")}) == 5


def test_a_scope_is_named_as_the_api_names_it():
    assert subject_of("organisation") == ("organisation", "organisation")
    assert subject_of("user:a:b") == ("user", "a:b")
    assert subject_of(key_scope(KEY_ID)) == ("key", KEY_ID)
