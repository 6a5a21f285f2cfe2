"""Policies compiled into rules: all of them, in their order, for as long as they hold."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.limits import (
    NO_RULES,
    Rule,
    compile_rules,
    count_key,
    money_key,
    nano_of,
)
from common.domain.periods import Calendar, span_of
from common.domain.policies import Applied, Budget, Limits, Policy, Window

NOW_MS = 1_795_600_000_000  # 2026-11-25
DAY = span_of("day", NOW_MS, Calendar())
ALL = Policy(
    limits=Limits(60, 1000, 500, 9000, 3, Window(5, 100, 2000, "0.5")),
    budgets=(Budget("total", "9"), Budget("month", "5", "deny"), Budget("month", "4", "soft")),
)
counts = st.none() | st.integers(1, 10**9)
policies = st.builds(
    Policy,
    limits=st.builds(
        Limits, counts, counts, counts, counts, counts,
        st.none() | st.builds(Window, st.integers(1, 60), counts, counts, st.none() | st.just("1")),
    ),
    budgets=st.lists(
        st.builds(
            Budget,
            st.sampled_from(("total", "day", "week", "month")),
            st.sampled_from(("0", "1.5", "100")),
            st.sampled_from(("clamp", "deny", "soft")),
        ),
        max_size=4,
    ).map(tuple),
    calendar=st.sampled_from((Calendar(), Calendar("Europe/Berlin", "sunday", 4))),
)  # fmt: skip


def applied(policy: Policy, scope: str = "user:a") -> Applied:
    return Applied("user", scope, policy)


def test_a_policy_of_everything_gives_all_its_rules():
    rules = compile_rules([applied(ALL)], NOW_MS)
    month = span_of("month", NOW_MS, Calendar())
    assert [limit.rule for limit in rules.limits] == [
        Rule("c", "user:a", "r", 3, 0),
        Rule("w", "window:user:a:1:r", "r", 60, 60_000),
        Rule("w", "window:user:a:1:t", "t", 1000, 60_000),
        Rule("w", "window:user:a:5:r", "r", 100, 300_000),
        Rule("w", "window:user:a:5:t", "t", 2000, 300_000),
        Rule("d", count_key("user:a", DAY.id), "r", 500, DAY.end_ms),
        Rule("d", count_key("user:a", DAY.id), "t", 9000, DAY.end_ms),
        Rule("m", money_key("user:a", month.id), "n", 4 * 10**9, month.end_ms, 0),
        Rule("m", money_key("user:a", "total"), "n", 9 * 10**9, 0, 2),
        # The soft budget of the same month counts already.
        *[limit.rule for limit in rules.limits[9:]],
    ]
    assert {limit.rule for limit in rules.limits[9:]} == {
        Rule("w", "window:user:a:5:n", "n", 5 * 10**8, 300_000),
        Rule("m", money_key("user:a", month.id), "n", 5 * 10**9, month.end_ms, 1, 0),
    }
    assert (rules.money, rules.hard_money) == (True, True)
    assert msgspec.msgpack.decode(rules.packed)[0] == ["c", "user:a", "r", 3, 0, 0, 1, []]


def test_budgets_have_the_marks_of_their_level():
    marks = {"user": (50, 100), "key": (90,)}
    found = compile_rules([applied(ALL)], NOW_MS, marks).limits
    told = {limit.rule.marks for limit in found if limit.rule.kind == "m"}
    assert told == {(50, 100)}
    assert {limit.rule.marks for limit in found if limit.rule.kind != "m"} == {()}


def test_nothing_limited_is_no_rule():
    assert compile_rules([], NOW_MS) is NO_RULES
    assert compile_rules([applied(Policy(calendar=Calendar("Asia/Kolkata")))], NOW_MS) is NO_RULES
    assert not NO_RULES.packed
    assert NO_RULES.holds_at(0)


def test_soft_money_is_counted_and_not_hard():
    rules = compile_rules([applied(Policy(budgets=(Budget("day", "1", "soft"),)))], NOW_MS)
    assert (rules.money, rules.hard_money) == (True, False)
    rates = compile_rules([applied(Policy(limits=Limits(requests_per_minute=1)))], NOW_MS)
    assert (rates.money, rates.hard_money) == (False, False)


@given(st.lists(policies, max_size=4))
def test_rules_hold_for_their_periods_and_each_counter_is_posted_once(levels):
    rules = compile_rules(
        [applied(policy, f"user:{number}") for number, policy in enumerate(levels)], NOW_MS
    )
    assert rules.holds_at(NOW_MS)
    posting = [(limit.rule.key, limit.rule.unit) for limit in rules.limits if limit.rule.posts]
    assert len(posting) == len(set(posting))
    assert set(posting) == {(limit.rule.key, limit.rule.unit) for limit in rules.limits}
    # What clamps is asked before what denies, or it would deny what a clamp makes fit.
    hard = [limit.rule.hard == 2 for limit in rules.limits if limit.rule.unit == "n"]
    clamps = [index for index, clamp in enumerate(hard) if clamp]
    denies = [
        index
        for index, limit in enumerate(one for one in rules.limits if one.rule.unit == "n")
        if limit.rule.hard == 1 or limit.rule.kind == "w"
    ]
    assert not clamps or not denies or max(clamps) < min(denies)


@given(st.lists(policies, min_size=1, max_size=3))
def test_the_next_period_has_other_rules(levels):
    rules = compile_rules([applied(policy) for policy in levels], NOW_MS)
    if rules.until_ms:
        assert not rules.holds_at(rules.until_ms)
        again = compile_rules([applied(policy) for policy in levels], rules.until_ms)
        assert {one.rule.key for one in again.limits} != {one.rule.key for one in rules.limits}


@pytest.mark.parametrize(
    ("usd", "nano"), [("0", 0), ("1", 10**9), ("0.0000000019", 1), ("9999999999", 2**53 - 1)]
)
def test_a_budget_is_never_more_than_was_set(usd, nano):
    assert nano_of(usd) == nano
