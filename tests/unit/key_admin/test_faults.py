"""What is wrong with a form: at which field, in which words."""

from datetime import UTC

import pytest
from pydantic import ValidationError

from functions.key_admin.console.faults import beside, by_field
from functions.key_admin.console.formats import Formats
from functions.key_admin.console.words import Words
from functions.key_admin.models.keys import KeyCreate
from functions.key_admin.problem import conflict, invalid, taken

ENGLISH, GERMAN = ((Words(one), Formats(one, UTC)) for one in ("en", "de"))
FIELDS = ("name", "limits.requests_per_minute", "budgets[0].usd", "calendar.timezone")
VALUES = dict.fromkeys(FIELDS, "")
WRONG = {
    "limits": {"requests_per_minute": "many"},
    "budgets": [{"period": "month", "usd": "1e9"}],
    "calendar": {"timezone": "Mars/Phobos"},
}


def problem_of(**members):
    with pytest.raises(ValidationError) as refused:
        KeyCreate(**members)
    return invalid(refused.value, "body")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (ENGLISH, ("is required", "must be a whole number", "such as 250 or 0.50", "time zone")),
        (GERMAN, ("fehlt", "muss eine ganze Zahl sein", "etwa 250 oder 0,50", "Zeitzone")),
    ],
)
def test_what_is_wrong_is_said_in_the_readers_language(language, words):
    found = by_field(*language, problem_of(**WRONG), VALUES)
    assert found.keys() == set(FIELDS)
    for field, text in zip(FIELDS, words, strict=True):
        assert text in found[field]


def test_figures_are_written_in_the_readers_language():
    problem = problem_of(name="k", limits={"requests_per_minute": 10**13})
    assert by_field(*GERMAN, problem, VALUES) == {
        "limits.requests_per_minute": "darf höchstens 1.000.000.000.000 sein"
    }
    assert problem.errors[0].model_dump().keys() == {"field", "message"}


def test_a_value_that_is_taken_is_said_at_its_field():
    problem = taken("id", "There is one: change it with PATCH.")
    said = by_field(*ENGLISH, problem, {"id": "x"})
    assert said == {"id": "is taken already: choose another one"}
    assert by_field(*GERMAN, conflict("Busy."), {"id": "x"}) == {"": "Busy."}


def test_what_is_wrong_with_a_part_stands_at_its_field_and_names_the_part():
    errors = [
        ("tags[1]", "no"), ("tags[2]", "no"), ("tags[9]", "gone"),
        ("models.gpt", "odd"), ("models.gpt", "odd"), ("else.where", "other"), ("name", "plain"),
    ]  # fmt: skip
    values = VALUES | {"models": "gpt = x", "model": "", "tags": "ok\n\nUPPER\nlast"}
    assert beside(errors, values) == {
        "tags": "UPPER: no last: no gone",
        "models": "gpt: odd",
        "else.where": "other",
        "name": "plain",
    }
