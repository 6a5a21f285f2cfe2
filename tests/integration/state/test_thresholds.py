"""Parts of budgets that are spent: told once each, by whichever call counts the money."""

import pytest

from common.domain.admission import Use
from common.domain.limits import compile_rules
from common.domain.policies import Applied, Budget, Policy
from common.domain.thresholds import DEFAULT_MARKS
from common.state.admission import LEASE_MS
from common.state.thresholds import taken, waiting
from tests.support.limited_world import KEY, PREFIX, START_MS, TEAM, World, candidate, money

CENT = 10_000_000


@pytest.fixture
async def world(redis_url):
    made = World(redis_url)
    await made.prepare()
    yield made
    await made.commands.close()


def rules_of(*budgets, scope=KEY, level="key", marks=DEFAULT_MARKS):
    policy = Policy(budgets=tuple(Budget(*one) for one in budgets))
    return compile_rules([Applied(level, scope, policy)], START_MS, marks)


async def spend(world, request_id, rules, cents):
    await world.admit(request_id, rules, candidate(input_nano=1))
    await world.admission.settle(request_id, b"{}", use=Use(1, cents * CENT))


async def told(world):
    found = await waiting(world.commands, PREFIX, 100)
    return [(one.passed.counter, one.passed.percent, one.passed.spent_nano) for one in found]


async def test_each_mark_is_told_once_and_two_at_once_are_told_both(world):
    rules = rules_of(("total", "1"))
    await spend(world, "r1", rules, 49)
    assert await told(world) == []
    await spend(world, "r2", rules, 1)
    await spend(world, "r3", rules, 5)
    assert await told(world) == [(money(), 50, 50 * CENT)]
    await spend(world, "r4", rules, 45)
    await spend(world, "r5", rules, 1)
    assert [one[1] for one in await told(world)] == [50, 80, 100]
    found = await waiting(world.commands, PREFIX, 100)
    assert [one.passed.highest_percent for one in found] == [50, 100, 100]


async def test_what_was_taken_is_not_told_again(world):
    rules = rules_of(("total", "1"))
    await spend(world, "r1", rules, 60)
    (one,) = await waiting(world.commands, PREFIX, 100)
    await taken(world.commands, PREFIX, one.entry_id)
    await spend(world, "r2", rules, 1)
    assert await told(world) == []


async def test_another_amount_is_another_budget_and_each_level_its_own(world):
    await spend(world, "r1", rules_of(("total", "1", "soft")), 80)
    await spend(world, "r2", rules_of(("total", "10", "soft")), 0.1)
    assert [one[1] for one in await told(world)] == [50, 80]
    await spend(world, "r3", rules_of(("total", "1.6", "soft")), 0.1)
    assert [one[1] for one in await told(world)] == [50, 80, 50]
    team = rules_of(("day", "1"), ("total", "1"), scope=TEAM, level="team")
    await spend(world, "r4", team, 50)
    counters = {one[0] for one in (await told(world))[3:]}
    assert counters == {money("day", TEAM), money("total", TEAM)}


async def test_two_budgets_on_one_counter_are_both_told(world):
    rules = rules_of(("total", "1", "soft"), ("total", "2", "deny"))
    await spend(world, "r1", rules, 100)
    found = await waiting(world.commands, PREFIX, 100)
    assert [(one.passed.budget_nano, one.passed.percent) for one in found] == [
        *((100 * CENT, percent) for percent in (50, 80, 100)),
        (200 * CENT, 50),
    ]


async def test_without_marks_nothing_is_told_and_nothing_is_kept(world):
    rules = rules_of(("total", "1"), marks={"key": (), "team": (50,)})
    await spend(world, "r1", rules, 100)
    assert await told(world) == []
    assert set(await world.hash(money())) == {"s", "r"}


async def test_a_death_an_adjustment_and_a_lost_lease_count_as_well(world):
    rules = rules_of(("total", "1"))
    await world.admit("dies", rules, candidate(input_nano=1, draft=(1, 50 * CENT)))
    world.now_ms += LEASE_MS + 1
    await world.admission.expire(10)
    assert [one[1] for one in await told(world)] == [50]
    await world.admission.adjust("dies", b"{}", use=Use(1, 80 * CENT))
    assert [one[1] for one in await told(world)] == [50, 80]
    await world.admission.settle("lost", b"{}", use=Use(1, 20 * CENT), rules=rules.packed)
    assert [one[1] for one in await told(world)] == [50, 80, 100]
