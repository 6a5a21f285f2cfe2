"""The overview's budgets: which of a level's limits are shown."""

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
