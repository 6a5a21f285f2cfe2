"""Aliases: which rule holds, how a split is drawn, and what is looked at for it."""

from collections import Counter

import pytest

from common.domain.access import admits_model
from common.domain.routing_table import AliasRule, Asking, When, holds, target_of


def asking(tokens=100, tools=False, images=False, team="t", tags=("gold",), **headers):
    return Asking(team, tags, headers.get, lambda: tokens, lambda: (tools, images))


@pytest.mark.parametrize(
    ("when", "of", "expected"),
    [
        (When(), {}, True), (When(teams=("t", "u")), {}, True), (When(teams=("u",)), {}, False),
        (When(teams=("u",)), {"team": None}, False), (When(tags=("iron", "gold")), {}, True),
        (When(tags=("iron",)), {}, False), (When(headers={"x": "1"}), {"x": "1"}, True),
        (When(headers={"x": "1"}), {"x": "2"}, False), (When(headers={"x": "1"}), {}, False),
        (When(input_tokens_min=100), {}, True), (When(input_tokens_min=101), {}, False),
        (When(input_tokens_max=100), {}, True), (When(input_tokens_max=99), {}, False),
        (When(input_tokens_max=0), {"tokens": 1}, False), (When(tools=True), {}, False),
        (When(tools=True), {"tools": True}, True), (When(tools=False), {"tools": True}, False),
        (When(images=True), {"images": True}, True), (When(images=True), {"tools": True}, False),
        (When(tags=("gold",), images=False), {"images": True}, False),
    ],
)  # fmt: skip
def test_all_of_a_condition_must_hold(when, of, expected):
    assert holds(when, asking(**of)) is expected


def test_the_body_is_looked_at_only_where_it_matters():
    def never():
        raise AssertionError("the body was looked at")

    request = Asking("t", (), lambda name: None, never, never)
    rules = (AliasRule({"big": 1}, When(teams=("u",), tools=True)), AliasRule({"small": 1}))
    assert target_of(rules, request, "seed") == "small"


def test_the_first_rule_that_holds_says_what_is_served():
    rules = (AliasRule({"a": 1}, When(tools=True)), AliasRule({"b": 1}, When(input_tokens_min=50)))
    assert target_of(rules, asking(tools=True), "s") == "a"
    assert target_of(rules, asking(), "s") == "b"
    assert target_of(rules, asking(tokens=1), "s") is None


def test_a_split_gives_each_model_its_part_and_a_request_always_the_same():
    rules = (AliasRule({"a": 1, "b": 3}),)
    found = Counter(target_of(rules, asking(), f"request {number}") for number in range(2000))
    assert abs(found["b"] - 1500) < 100
    turned = (AliasRule({"b": 3, "a": 1}),)
    for number in range(50):
        seed = f"request {number}"
        assert target_of(rules, asking(), seed) == target_of(turned, asking(), seed)


@pytest.mark.parametrize(
    ("allow", "deny", "expected"),
    [
        ([], [], True), (["gpt-*"], [], True), (["fast"], [], True), (["f*"], [], False),
        (["claude-*"], [], False), ([], ["fast"], False), ([], ["gpt-4o"], False),
        (["fast"], ["gpt-4o"], False), (["fast"], ["f*"], False),
    ],
)  # fmt: skip
def test_an_alias_gives_no_model_that_was_not_meant(allow, deny, expected):
    """A glob of a list says nothing of aliases, which may stand for anything tomorrow."""
    assert admits_model(allow, deny, "gpt-4o", "fast") is expected
