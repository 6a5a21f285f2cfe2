"""Policies: what they say, and complaints that name the field."""

import pytest

from common.domain.field_errors import InvalidPolicy
from common.redaction.planned import scanner
from common.redaction.policy import plan, read_policy


def errors_of(value):
    with pytest.raises(InvalidPolicy) as refused:
        read_policy(value)
    return {error.field: error.message for error in refused.value.errors}


def test_an_entity_goes_before_its_group_and_the_stronger_group_wins():
    made = plan(read_policy({"entities": {"CONTACT": "mask", "PHONE_NUMBER": "observe"}}))
    assert made.actions == {"EMAIL_ADDRESS": "mask", "PHONE_NUMBER": "observe"}
    assert made.pattern_entities == {"EMAIL_ADDRESS", "PHONE_NUMBER"}
    assert not made.is_empty
    assert plan(read_policy({})).is_empty


def test_the_model_is_asked_in_its_tier_only():
    policy = {"entities": {"PERSON": "mask", "IBAN": "block"}, "tier": "model"}
    made = plan(read_policy(policy))
    assert made.model_entities == {"PERSON"}
    assert "tier" in errors_of({"entities": {"PERSON": "mask"}})["entities.PERSON"]


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"entities": {"NAMES": "mask"}}, "entities.NAMES"),
        ({"entities": {"IBAN": "hide"}}, "entities[...]"),
        ({"on_failure": "open"}, "on_failure"),
        ({"tiers": "model"}, "tiers"),
        ({"threshold": 1.5}, "threshold"),
        ({"allow": ["ok", " "]}, "allow[1]"),
        ({"regions": ["us"]}, "regions[0]"),
        ({"custom": [{"entity": "x", "pattern": "a"}]}, "custom[0].entity"),
        ({"custom": [{"entity": "IBAN", "pattern": "a"}]}, "custom[0].entity"),
        ({"custom": [{"entity": "X", "pattern": "a"}]}, "custom[0].entity"),
        (
            {"entities": {"X": "mask"}, "custom": [{"entity": "X", "pattern": "(a"}]},
            "custom[0].pattern",
        ),
        (
            {"entities": {"X": "mask"}, "custom": [{"entity": "X", "pattern": "a*"}]},
            "custom[0].pattern",
        ),
        (
            {"entities": {"X": "mask"}, "custom": [{"entity": "X", "pattern": r"(a)\1"}]},
            "custom[0].pattern",
        ),
        (
            {"entities": {"X": "mask"}, "custom": [{"entity": "X", "pattern": "b", "score": 0}]},
            "custom[0].score",
        ),
    ],
)
def test_a_complaint_names_the_field(policy, field):
    assert set(errors_of(policy)) == {field}


def test_all_fields_at_fault_are_named_at_once():
    assert set(errors_of({"threshold": 2, "allow": [""]})) == {"threshold", "allow[0]"}


def test_an_unknown_region_is_said_when_the_scanner_is_made():
    made = plan(read_policy({"entities": {"PHONE_NUMBER": "mask"}, "regions": ["ZZ"]}))
    with pytest.raises(InvalidPolicy, match="ZZ"):
        scanner(made)


def test_what_is_allowed_is_left_alone_whatever_its_case():
    policy = {"entities": {"EMAIL_ADDRESS": "mask"}, "allow": ["Help@Example.com"]}
    text = "help@example.com, ann@example.com"
    (found,) = scanner(plan(read_policy(policy))).scan(text)
    assert text[found.start : found.end] == "ann@example.com"


def test_a_pattern_that_would_hang_pythons_engine_takes_linear_time():
    policy = {
        "entities": {"X": "mask"},
        "custom": [{"entity": "X", "pattern": "(?:a+)+b"}],
    }
    made = scanner(plan(read_policy(policy)))
    assert made.scan("a" * 50_000) == []
    assert len(made.scan("x aaab y ab")) == 2
