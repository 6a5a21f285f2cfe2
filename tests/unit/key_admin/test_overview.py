"""Rules of the overview and of lists: which limits are shown, what fails, what is sought."""

import pytest

from functions.key_admin.console.pages.keys import without_secret
from functions.key_admin.console.pages.overview import is_failing
from functions.key_admin.console.pages.overview_parts import with_budgets


def test_budgets_are_shown_without_other_limits_and_levels_without_any_are_not():
    budget, rate = {"limit": "budget.month", "policy": "deny"}, {"limit": "tpm", "policy": None}
    levels = [
        {"level": "organisation", "use": [rate, budget]},
        {"level": "team", "use": [rate]},
        {"level": "team", "use": []},
    ]
    assert with_budgets(levels) == [{"level": "organisation", "use": [budget]}]


def test_that_nobody_knows_what_is_used_is_shown():
    unknown = {"level": "team", "use": None}
    assert with_budgets([unknown]) == [unknown]


@pytest.mark.parametrize(
    ("health", "failing"),
    [
        (None, False),
        ({"status": "ok", "last_error": None}, False),
        ({"status": "ok", "last_error": {"count": 1}}, False),
        ({"status": "ok", "last_error": {"count": 2}}, True),
        ({"status": "cooling", "last_error": {"count": 6}}, False),
    ],
)
def test_an_account_whose_last_requests_failed_is_failing_until_it_rests(health, failing):
    assert is_failing({"health": health}) is failing


@pytest.mark.parametrize(
    ("search", "sent"),
    [
        ("cr_abcdefgh" + "x" * 35, "cr_abcdefgh"),
        ("cr_abcdefgh", "cr_abcdefgh"),
        ("cr_abc", "cr_abc"),
        ("cr_ and more words", "cr_ and more words"),
        ("alice@example.org-in-the-team", "alice@example.org-in-the-team"),
    ],
)
def test_of_a_whole_secret_its_beginning_is_sought(search, sent):
    assert without_secret(search, "cr_") == sent
