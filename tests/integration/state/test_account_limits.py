"""Limits of accounts on a real Redis: passed by, counted with the rest or not at all, left."""

import pytest

from common.domain.admission import Admitted, Denied, Moved, SettledLate, Use
from common.domain.limits import NO_RULES, compile_rules, count_key, joined
from common.domain.periods import Calendar, span_of
from common.domain.policies import Applied, Budget, Limits, Policy
from common.state.admission import LEASE_MS
from tests.support.limited_world import KEY, START_MS, World, candidate, money


@pytest.fixture
async def world(redis_url):
    made = World(redis_url)
    await made.prepare()
    yield made
    await made.commands.close()


def rules(account, *budgets, **limits):
    policy = Policy(Limits(**limits), tuple(Budget("day", usd, "deny") for usd in budgets))
    applied = Applied("account", f"account:{account}", policy)
    return compile_rules([applied], START_MS).packed


def key_rules(**limits):
    return compile_rules([Applied("key", KEY, Policy(Limits(**limits)))], START_MS)


def on(account, nano=0, **options):
    return candidate(nano, account=account, **options)


def day(account):
    return count_key(f"account:{account}", span_of("day", START_MS, Calendar()).id)


@pytest.mark.parametrize(
    "limits",
    [
        {"requests_per_minute": 1},
        {"tokens_per_minute": 150},
        {"requests_per_day": 1},
        {"tokens_per_day": 150},
    ],
)
async def test_an_account_at_its_limit_is_passed_by_and_the_refused_leave_no_trace(world, limits):
    one, other = on("a", rules=rules("a", **limits)), on("b", rules=rules("b", **limits))
    kept = key_rules(requests_per_minute=100)
    first = await world.admit("r1", kept, one, other, tokens=100)
    second = await world.admit("r2", kept, one, other, tokens=100)
    assert (first.index, second.index) == (0, 1)
    before = await world.everything()
    denied = await world.admit("r3", kept, one, other, tokens=100)
    assert (denied.reason, denied.index) == ("account_limited", -1)
    assert denied.retry_after_ms > 0
    assert await world.everything() == before


async def test_the_soonest_of_all_accounts_is_told(world):
    minute = on("a", rules=rules("a", requests_per_minute=1))
    daily = on("b", rules=rules("b", requests_per_day=1))
    for number in range(2):
        await world.admit(f"r{number}", NO_RULES, minute, daily)
    world.now_ms += 5_000
    denied = await world.admit("r2", NO_RULES, daily, minute)
    assert 50_000 <= denied.retry_after_ms <= 60_000
    only_day = await world.admit("r3", NO_RULES, daily)
    assert only_day.retry_after_ms > 60_000
    too_large = on("c", rules=rules("c", tokens_per_minute=10))
    never = await world.admit("r4", NO_RULES, too_large, tokens=11)
    assert (never.reason, never.retry_after_ms) == ("account_limited", -1)
    both = await world.admit("r5", NO_RULES, too_large, on("d", most=1), tokens=11)
    assert isinstance(both, Admitted)
    full = await world.admit("r6", NO_RULES, too_large, on("d", most=1), tokens=11)
    assert (full.reason, full.retry_after_ms) == ("no_capacity", 1000)


async def test_a_budget_of_an_account_is_reserved_settled_and_never_overshot(world):
    one = on("a", 600_000, rules=rules("a", "0.001"))
    assert isinstance(await world.admit("r1", NO_RULES, one), Admitted)
    assert await world.hash(money("day", "account:a")) == {"r": 600_000}
    denied = await world.admit("r2", NO_RULES, one)
    assert (denied.reason, denied.retry_after_ms) == ("account_limited", 1000)
    await world.admission.settle("r1", b"record", use=Use(5, 500_000))
    assert await world.hash(money("day", "account:a")) == {"s": 500_000, "r": 0}
    spent = await world.admit("r3", NO_RULES, one)
    assert spent.retry_after_ms == span_of("day", START_MS, Calendar()).end_ms - world.now_ms
    smaller = on("a", 500_000, rules=rules("a", "0.001"))
    assert isinstance(await world.admit("r4", NO_RULES, smaller), Admitted)


async def test_a_move_gives_back_all_but_the_request_and_obeys_the_next_accounts_limits(world):
    limits = {"requests_per_day": 5, "tokens_per_day": 1000, "tokens_per_minute": 1000}
    one = on("a", 700, rules=rules("a", "0.001", **limits))
    kept = key_rules(tokens_per_day=1000)
    assert isinstance(await world.admit("r1", kept, one, tokens=300), Admitted)
    full = on("b", 700, rules=rules("b", requests_per_day=1))
    await world.admit("r0", NO_RULES, full)
    world.now_ms += 10_000
    free = on("c", 900, rules=rules("c", "0.001", **limits))
    moved = await world.admission.move("r1", 2, [full, free])
    assert moved == Moved(1)
    assert await world.hash(day("a")) == {"r": 1, "t": 0}
    assert await world.hash(money("day", "account:a")) == {"r": 0}
    assert await world.hash(day("c")) == {"r": 1, "t": 300}
    assert await world.hash(money("day", "account:c")) == {"r": 900}
    assert await world.admission.move("r1", 2, [full, free]) == moved
    plain = on("d", 900)
    assert await world.admission.move("r1", 3, [plain]) == Moved(0)
    assert await world.hash(money("day", "account:c")) == {"r": 0}
    denied = await world.admission.move("r1", 4, [full])
    assert isinstance(denied, Denied)
    assert denied.reason == "account_limited"
    await world.admission.settle("r1", b"record", use=Use(0, 0))
    assert await world.hash("window:account:c:1:t") != {}
    for account in "acd":
        assert (await world.hash(day(account))).get("t", 0) == 0
    assert sum((await world.hash("window:account:c:1:t")).values()) == 0
    assert await world.hash("inflight") == {"account:b": 1}


@pytest.mark.parametrize("late", [False, True])
async def test_a_dead_relays_request_is_charged_to_its_account_once(world, late):
    one = on("a", 700, draft=(10, 400), rules=rules("a", "0.001", tokens_per_day=1000))
    await world.admit("r1", NO_RULES, one, tokens=30)
    world.now_ms += LEASE_MS
    assert await world.admission.expire(10) == 1
    assert await world.hash(money("day", "account:a")) == {"s": 400, "r": 0}
    assert await world.hash(day("a")) == {"t": 10}
    if late:
        use = Use(25, 600)
        assert isinstance(await world.admission.settle("r1", b"record", use=use), SettledLate)
        await world.admission.adjust("r1", b"difference", use=use)
        assert await world.hash(money("day", "account:a")) == {"s": 600, "r": 0}
        assert await world.hash(day("a")) == {"t": 25}


async def test_a_request_whose_lease_was_lost_counts_on_its_account_too(world):
    account = rules("a", "0.001", tokens_per_day=1000)
    both = joined(key_rules(tokens_per_day=1000).packed, account)
    await world.admission.settle("r1", b"record", use=Use(25, 600), rules=both)
    assert await world.hash(money("day", "account:a")) == {"s": 600}
    assert await world.hash(day("a")) == {"t": 25}
