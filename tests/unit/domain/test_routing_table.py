"""Aliases: which rule holds, how a split is drawn, and what is looked at for it."""

from collections import Counter

import pytest

from common.domain.access import admits_model
from common.domain.accounts import AccountRecord
from common.domain.ids import encode_ulid
from common.domain.policies import Applied, Policy
from common.domain.routing import Routing
from common.domain.routing_explained import Load, consider
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


def test_a_route_is_explained_in_the_order_of_asking():
    def account(name, **fields):
        return AccountRecord(name, name, "openai", "http://x", **fields)

    accounts = [
        account("any"),
        account("busy", models={"m": "m"}, max_concurrency=2),
        account("idle", models={"m": "served"}, weight=2),
        account("later", models={"m": "m"}, priority=60),
        account("off", enabled=False),
        account("drained", schedulable=False),
        account("ended", expires_at_ms=1),
        account("other", models={"n": "n"}),
        account("far", models={"m": "m"}, region="us"),
        AccountRecord("claude", "claude", "anthropic", "http://x"),
    ]
    rules = [Applied("team", "team:x", Policy(routing=Routing(group_id="g")))]
    groups = {"g": [one.id for one in accounts if one.id != "far"]}
    loads = {"busy": Load(2), "idle": Load(3), "later": Load(0, 5000)}
    answers = lambda one, _: one.provider == "openai"  # noqa: E731
    request_id = encode_ulid(1_764_000_000_000, bytes(10))
    found = consider(accounts, "m", rules, groups, loads, answers, request_id=request_id)
    assert [(one.account.id, one.tier, one.state) for one in found[:4]] == [
        ("idle", 0, "ready"), ("busy", 0, "full"), ("later", 1, "cooling"), ("any", 2, "ready"),
    ]  # fmt: skip
    assert found[0].served == "served"
    assert {one.account.id: one.left_out for one in found[4:]} == {
        "off": "it is disabled",
        "drained": "it takes no new requests",
        "ended": "it has ended",
        "other": "its models do not name it",
        "far": "the team's rule group_id leaves it out",
        "claude": "anthropic is not asked for this model at this endpoint",
    }
