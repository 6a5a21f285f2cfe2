"""Which of several accounts alike is taken: the least loaded for its weight, of those with room."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.domain.admission import Admitted, Candidate, Denied, Moved
from tests.integration.state.test_admission import world

__all__ = ["world"]

ACCOUNTS = st.lists(
    st.tuples(st.integers(1, 8), st.integers(0, 6)), min_size=1, max_size=4
)  # weight, most open (0 is no bound)


def candidates(accounts, tier=0):
    return [
        Candidate(f"{tier}{number}", most, b"draft", tier=tier, weight=weight)
        for number, (weight, most) in enumerate(accounts)
    ]


class Model:
    """What the script promises, in so many words."""

    def __init__(self):
        self.open = Counter()

    def take(self, asked):
        for tier in dict.fromkeys(one.tier for one in asked):
            room = [
                one
                for one in asked
                if one.tier == tier
                and (not one.max_concurrency or self.open[one.account_id] < one.max_concurrency)
            ]
            if room:
                best = min(room, key=lambda one: self.open[one.account_id] / one.weight)
                self.open[best.account_id] += 1
                return asked.index(best)
        return None


@given(first=ACCOUNTS, second=ACCOUNTS)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_it_is_the_least_loaded_of_the_first_tier_with_room(world, first, second):
    await world.prepare()
    asked, model = candidates(first) + candidates(second, 1), Model()
    for number in range(20):
        taken = model.take(asked)
        expected = Denied("no_capacity", 1000) if taken is None else Admitted(taken)
        assert await world.admit(f"r{number}", *asked) == expected
    assert await world.inflight() == {f"account:{id_}": n for id_, n in model.open.items()}


async def test_open_requests_are_shared_by_weight(world):
    asked = candidates([(1000, 0), (3000, 0), (2000, 0)])
    for number in range(60):
        await world.admit(f"r{number}", *asked)
    assert await world.inflight() == {"account:00": 10, "account:01": 30, "account:02": 20}


async def test_of_equals_the_first_is_taken_and_a_move_follows_the_same_rule(world):
    one, two, three = candidates([(1, 0), (1, 0), (1, 0)])
    assert await world.admit("r1", two, one) == Admitted(0)
    assert await world.admit("r2", two, one) == Admitted(1)
    assert await world.admission.move("r1", 2, [one, three]) == Moved(1)
