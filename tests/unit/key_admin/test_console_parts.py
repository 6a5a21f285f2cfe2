"""The parts that forms are made of."""

from typing import get_args

import pytest

from common.domain.periods import Period
from functions.key_admin.console import fields
from functions.key_admin.console.forms import Input, members
from functions.key_admin.console.view import _environment

OPTIONS = [("", "none"), ("A", "Alpha")]


def select(chosen):
    parts = _environment().get_template("parts.html").module
    return parts.select({"team_id": chosen}, {}, "team_id", "Team", OPTIONS)


def test_what_is_chosen_is_an_option_also_when_the_list_is_too_short_for_it():
    assert '<option value="B&amp;" selected>B&amp;</option>' in select("B&")
    assert select("A").count("<option") == len(OPTIONS)
    assert '<option value="" selected>' in select("")


def test_a_form_has_as_many_budgets_as_a_level_may_have():
    budgets = [
        {"period": period, "usd": "5", "policy": policy}
        for period in get_args(Period)
        for policy in ("deny", "soft")
    ]
    typed = {
        f"budgets[{row}].{name}": text
        for row, budget in enumerate(budgets)
        for name, text in budget.items()
    }
    assert members(fields.LIMITS, typed) == {"budgets": budgets}
    given = {"values": typed, "errors": {}, "t": lambda key, **_: key, **fields.CHOICES}
    for filled, shown in ((8, 8), (5, 6), (1, 4)):
        values = {name: text for name, text in typed.items() if int(name[8]) < filled}
        parts = (
            _environment().get_template("level_form.html").make_module(given | {"values": values})
        )
        assert parts.budgets("").count('role="group"') == shown


def test_a_map_is_read_whatever_blanks_are_around_its_sign():
    typed = "a = b, c=>d\ne   →\t f ,g, h = i = j"
    read = {"a": "b", "c": "d", "e": "f", "g": "g", "h": "i = j"}
    assert members([Input("models", "names")], {"models": typed}) == {"models": read}


def test_a_map_of_many_blanks_is_read_in_linear_time():
    # In quadratic time this would take more than an hour.
    name = "a" + " " * 1_000_000 + "b"
    assert members([Input("models", "names")], {"models": name}) == {"models": {name: name}}


@pytest.mark.parametrize(
    ("values", "errors", "is_open"),
    [
        ({}, {}, False),
        ({"limits.concurrency": "3", "calendar.timezone": ""}, {"name": "is required"}, False),
        ({"limits.window.requests": "5"}, {"limits.window.minutes": "is required"}, True),
        ({}, {"limits.window.minutes": "is required"}, True),
        ({"limits.queue.timeout_ms": "5"}, {}, True),
        ({"calendar.timezone": "Mars/Phobos"}, {}, True),
        ({}, {"limits": "queue needs a limit of concurrency beside it"}, True),
    ],
)
def test_limits_that_say_something_or_are_wrong_are_not_hidden(values, errors, is_open):
    given = {"values": values, "errors": errors, "t": lambda key, **_: key, **fields.CHOICES}
    parts = _environment().get_template("level_form.html").make_module(given)
    assert ("<details open>" in parts.limits("")) is is_open
