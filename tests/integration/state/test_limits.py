"""Limits and budgets on a real Redis, by examples."""

import pytest

from common.domain.admission import (
    Admitted,
    Denied,
    Draft,
    Moved,
    Settled,
    SettledLate,
    Stale,
    Use,
)
from common.domain.limits import Count, RuleSet, compile_rules
from common.domain.periods import Calendar, span_of
from common.domain.policies import (
    Applied,
    Budget,
    Limits,
    Policy,
    Window,
)
from common.state.admission import LEASE_MS
from common.state.projection import put_policy, raise_counter
from tests.support.limited_world import (
    KEY,
    PREFIX,
    START_MS,
    TEAM,
    USER,
    World,
    candidate,
    money,
)


@pytest.fixture
async def world(admission_url):
    made = World(admission_url)
    await made.prepare()
    yield made
    await made.commands.close()


def rules_of(*, scope=KEY, level="key", at=START_MS, **members) -> RuleSet:
    budgets = tuple(Budget(*one) for one in members.pop("budgets", ()))
    calendar = members.pop("calendar", Calendar())
    policy = Policy(limits=Limits(**members), budgets=budgets, calendar=calendar)
    return compile_rules([Applied(level, scope, policy)], at)


async def test_requests_per_minute_let_no_burst_by_at_the_edge(world):
    rules = rules_of(requests_per_minute=3)
    world.now_ms += 59_000
    for number in range(3):
        assert isinstance(await world.admit(f"r{number}", rules), Admitted)
    world.now_ms += 2_000
    denied = await world.admit("r3", rules)
    assert (denied.reason, denied.index, denied.remaining) == ("rate", 0, 0)
    assert 58_000 <= denied.retry_after_ms <= 65_000
    world.now_ms += denied.retry_after_ms - 1
    assert isinstance(await world.admit("r3", rules), Denied)
    world.now_ms += 1
    assert isinstance(await world.admit("r3", rules), Admitted)


async def test_admitted_requests_learn_what_a_minute_has_counted(world):
    rules = rules_of(requests_per_minute=3, tokens_per_minute=100)
    first = await world.admit("r1", rules, tokens=30)
    assert [(window.index, window.used) for window in first.minutes] == [(0, 0), (1, 0)]
    second = await world.admit("r2", rules, tokens=30)
    assert [(window.index, window.used) for window in second.minutes] == [(0, 1), (1, 30)]
    denied = await world.admit("r3", rules, tokens=41)
    assert (denied.index, denied.remaining) == (1, 40)
    assert (await world.admit("r3", rules, tokens=101)).retry_after_ms == -1


async def test_settle_corrects_the_tokens_that_were_estimated(world):
    rules = rules_of(tokens_per_minute=100, tokens_per_day=100)
    await world.admit("r1", rules, tokens=80)
    assert isinstance(await world.admit("r2", rules, tokens=30), Denied)
    await world.admission.settle("r1", b"record", use=Use(tokens=20))
    assert isinstance(await world.admit("r2", rules, tokens=80), Admitted)
    await world.admission.settle("r2", b"record", use=Use(tokens=90))
    assert (await world.admit("r3", rules)).remaining == 0


async def test_a_day_ends_at_the_calendars_midnight(world):
    rules = rules_of(requests_per_day=1, calendar=Calendar("Asia/Kolkata", day_starts_at=5))
    await world.admit("r1", rules)
    denied = await world.admit("r2", rules)
    day = span_of("day", START_MS, Calendar("Asia/Kolkata", day_starts_at=5))
    assert denied.retry_after_ms == denied.reset_ms == day.end_ms - START_MS


async def test_concurrency_is_freed_by_settle_and_by_expiry(world):
    rules = rules_of(concurrency=1)
    await world.admit("r1", rules)
    denied = await world.admit("r2", rules)
    assert (denied.reason, denied.index, denied.remaining) == ("rate", 0, 0)
    await world.admission.settle("r1", b"record")
    assert isinstance(await world.admit("r2", rules), Admitted)
    world.now_ms += LEASE_MS
    assert isinstance(await world.admit("r3", rules), Admitted)
    assert await world.hash("inflight") == {"account:a": 1, KEY: 1}


async def test_a_clamp_lowers_the_cap_to_what_is_left_but_not_below_the_least(world):
    rules = rules_of(budgets=[("total", "0.000001", "clamp")])  # 1,000 nano
    first = await world.admit("r1", rules, candidate(100, 10, 50, 16))
    assert first.cap == 50
    second = await world.admit("r2", rules, candidate(100, 10, 50, 16))
    assert second.cap == 30
    assert await world.hash(money()) == {"r": 1000}
    denied = await world.admit("r3", rules, candidate(0, 1, 50, 16))
    assert (denied.reason, denied.remaining, denied.retry_after_ms) == ("reserved", 0, 1000)
    await world.admission.settle("r1", b"record", use=Use(5, 600))
    denied = await world.admit("r3", rules, candidate(401, 1, 50, 16))
    assert (denied.reason, denied.remaining) == ("exhausted", 400)
    assert denied.retry_after_ms == denied.reset_ms == -1
    await world.admission.settle("r2", b"record", use=Use(5, 100))
    assert await world.hash(money()) == {"r": 0, "s": 700}


async def test_deny_refuses_what_may_cost_more_and_soft_only_counts(world):
    deny = rules_of(budgets=[("month", "0.000001", "deny")])
    denied = await world.admit("r1", deny, candidate(100, 10, 91, 16))
    assert (denied.reason, denied.remaining) == ("exhausted", 1000)
    assert denied.reset_ms == span_of("month", START_MS, Calendar()).end_ms - START_MS
    soft = rules_of(budgets=[("month", "0.000001", "soft")])
    assert (await world.admit("r2", soft, candidate(5000, 10, 91, 16))).cap == 91
    await world.admission.settle("r2", b"record", use=Use(1, 5000))
    assert await world.hash(money("month")) == {"r": 0, "s": 5000}


async def test_a_soft_and_a_hard_budget_of_one_period_count_once(world):
    rules = rules_of(budgets=[("total", "1", "soft"), ("total", "2", "deny")])
    await world.admit("r1", rules, candidate(100))
    assert await world.hash(money()) == {"r": 100}
    await world.admission.settle("r1", b"record", use=Use(1, 40))
    assert await world.hash(money()) == {"r": 0, "s": 40}


async def test_money_of_a_sliding_window_comes_back(world):
    rules = rules_of(window=Window(5, usd="0.000001"))
    await world.admit("r1", rules, candidate(900))
    denied = await world.admit("r2", rules, candidate(200))
    assert (denied.reason, denied.remaining) == ("rate", 100)
    await world.admission.settle("r1", b"record", use=Use(1, 500))
    assert isinstance(await world.admit("r2", rules, candidate(200)), Admitted)
    world.now_ms += 6 * 60_000
    assert isinstance(await world.admit("r3", rules, candidate(1000)), Admitted)


async def test_the_first_candidate_that_the_money_allows_is_taken(world):
    rules = rules_of(budgets=[("total", "0.000001", "deny")])
    answer = await world.admit(
        "r1", rules, candidate(1001, account="dear"), candidate(999, account="cheap")
    )
    assert answer.index == 1
    assert await world.hash("inflight") == {"account:cheap": 1}


async def test_move_reserves_for_the_next_account_or_gives_all_money_back(world):
    rules = rules_of(budgets=[("total", "0.000001", "clamp")], concurrency=5)
    await world.admit("r1", rules, candidate(100, 10, 50, 16))
    dearer = [candidate(100, 30, 50, 16, account="b")]
    moved = await world.admission.move("r1", 2, dearer)
    assert moved == await world.admission.move("r1", 2, dearer) == Moved(0, 30)
    assert await world.hash(money()) == {"r": 1000}
    too_dear = [candidate(2000, account="c")]
    denied = await world.admission.move("r1", 3, too_dear)
    assert (denied.reason, await world.hash(money())) == ("exhausted", {"r": 0})
    assert await world.hash("inflight") == {KEY: 1}
    await world.admission.settle("r1", b"record")
    assert await world.hash("inflight") == {}


async def test_a_relay_that_dies_after_a_denied_move_overshoots_nothing(world):
    """Its draft is charged then: that much stays reserved until it settles or expires."""
    rules = rules_of(budgets=[("total", "0.000001", "deny")])
    await world.admit("r1", rules, candidate(1_000, draft=(5, 400)))
    await world.admission.move("r1", 2, [candidate(2_000)])
    assert isinstance(await world.admit("r2", rules, candidate(601)), Denied)
    assert isinstance(await world.admit("r2", rules, candidate(600)), Admitted)
    world.now_ms += LEASE_MS - 1
    await world.admission.renew({"r2": Draft(b"draft", 1, 600)})
    world.now_ms += 1
    await world.admission.expire(10)
    assert await world.hash(money()) == {"s": 400, "r": 600}


async def test_a_dead_relay_is_charged_its_draft_and_a_late_settle_the_difference(world):
    rules = rules_of(budgets=[("total", "1", "deny")], tokens_per_day=1000)
    await world.admit("r1", rules, candidate(900, draft=(10, 300)), tokens=50)
    await world.admission.renew({"r1": Draft(b"draft", 20, 400)})
    world.now_ms += LEASE_MS
    assert await world.admission.expire(10) == 1
    day = f"count:{KEY}:{span_of('day', START_MS, Calendar()).id}"
    assert (await world.hash(money()), await world.hash(day)) == ({"r": 0, "s": 400}, {"t": 20})
    use = Use(35, 550)
    assert isinstance(await world.admission.settle("r1", b"record", use=use), SettledLate)
    for _ in range(2):
        assert isinstance(await world.admission.adjust("r1", b"difference", use=use), Settled)
    assert (await world.hash(money()), await world.hash(day)) == ({"r": 0, "s": 550}, {"t": 35})


async def test_a_settle_whose_lease_was_flushed_counts_its_money_all_the_same(world):
    rules = rules_of(budgets=[("total", "1", "deny")])
    await world.admit("r1", rules, candidate(900))
    await world.prepare()
    for _ in range(2):
        await world.admission.settle("r1", b"record", use=Use(1, 300), rules=rules.packed)
    assert await world.hash(money()) == {"s": 300}


async def test_more_than_was_reserved_is_posted_in_full(world):
    rules = rules_of(budgets=[("total", "0.000001", "deny")])
    await world.admit("r1", rules, candidate(500))
    await world.admission.settle("r1", b"record", use=Use(1, 5000))
    assert await world.hash(money()) == {"r": 0, "s": 5000}


async def test_counters_end_after_their_periods(world):
    rules = rules_of(
        budgets=[("day", "1", "deny"), ("total", "1", "deny")], requests_per_day=5,
        requests_per_minute=5,
    )  # fmt: skip
    await world.admit("r1", rules, candidate(500))
    day = span_of("day", START_MS, Calendar())
    for key in (money("day"), f"count:{KEY}:{day.id}", f"window:{KEY}:1:r"):
        assert await world.commands.call("PTTL", f"{PREFIX}:{key}") > 0
    assert await world.commands.call("PTTL", f"{PREFIX}:{money()}") == -1


async def test_a_counter_is_raised_and_never_lowered(world):
    for amount, changed in ((5, True), (3, False), (9, True)):
        count = Count(money(), "s", amount, 0)
        assert await raise_counter(world.commands, PREFIX, count) is changed
    assert await world.hash(money()) == {"s": 9}


@pytest.mark.parametrize("scope", ["organisation", TEAM, USER])
async def test_a_policy_that_changed_makes_the_snapshot_stale(world, scope):
    rules = rules_of()
    assert isinstance(await world.admit("r1", rules), Admitted)
    policy = Policy(limits=Limits(concurrency=1))
    assert await put_policy(world.commands, PREFIX, scope, 9, policy)
    stale = await world.admit("r2", rules)
    assert isinstance(stale, Stale)
    assert sorted(stale.versions.split()) == ["0", "0", "0", "0", "7", "9"]
    assert b'{"limits":{"concurrency":1}}' in stale.policies
    assert isinstance(await world.admit("r2", rules, versions=stale.versions), Admitted)
    assert not await put_policy(world.commands, PREFIX, scope, 8, Policy())
    assert await put_policy(world.commands, PREFIX, scope, 10, Policy())
    stale = await world.admit("r3", rules, versions=stale.versions)
    assert stale.policies == (b"", b"", b"")


async def test_what_is_denied_changes_nothing_at_any_level(world):
    rules = compile_rules(
        [
            Applied("organisation", "organisation", Policy(limits=Limits(requests_per_minute=9))),
            Applied("team", TEAM, Policy(budgets=(Budget("day", "1", "clamp"),))),
            Applied("user", USER, Policy(limits=Limits(1, tokens_per_day=500, concurrency=5))),
            Applied("key", KEY, Policy(budgets=(Budget("week", "0.000002", "deny"),))),
        ],
        START_MS,
    )
    assert isinstance(await world.admit("r1", rules, candidate(1000)), Admitted)
    before = await world.everything()
    assert (await world.admit("r2", rules, candidate(1))).index >= 0
    assert await world.everything() == before
    world.now_ms += 70_000
    await world.admission.renew({"r1": Draft(b"d")})
    before = await world.everything()
    denied = await world.admit("r3", rules, candidate(1001))
    assert rules.limits[denied.index].level == "key"
    assert await world.everything() == before


async def test_the_figures_can_be_read(world):
    rules = rules_of(
        budgets=[("total", "1", "deny")], concurrency=2, requests_per_minute=7, requests_per_day=9
    )
    await world.admit("r1", rules, candidate(500))
    await world.admit("r2", rules, candidate(300))
    await world.admission.settle("r2", b"record", use=Use(1, 200))
    found = await world.admission.read_rules(rules.packed)
    named = {limit.name: figures for limit, figures in zip(rules.limits, found, strict=True)}
    assert named == {
        "concurrency": (1, 0), "requests_per_minute": (2, 0), "requests_per_day": (2, 0),
        "budget.total": (200, 500),
    }  # fmt: skip
