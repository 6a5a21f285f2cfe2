"""Single flight within a process: who waits for whom, and that nobody waits for ever."""

import asyncio

import pytest

from common.state.commands import RedisUnavailable
from common.state.response_cache import Entry, Place, Taken
from functions.relay.flights import Flights

PLACE = Place("tenant", "name")
ENTRY = Entry(0, b"answer")


class Cache:
    """Answers looks from a list; the last one again and again."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.looks = 0
        self.held = 0

    async def take(self, place, token, age_s_max):
        self.looks += 1
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def hold(self, place, token):
        self.held += 1


async def others(flights, count):
    asking = [asyncio.ensure_future(flights.board(PLACE, str(at), 60)) for at in range(count)]
    await asyncio.sleep(0.01)
    return asking


async def test_those_of_a_process_look_once_and_get_what_is_made():
    cache = Cache(Taken("make"))
    flights = Flights(cache, 10)
    pilot, *waiting = await others(flights, 5)
    flight = pilot.result()
    assert flight.taken.then == "make"
    assert not any(one.done() for one in waiting)
    flight.begin()
    flight.land(ENTRY, never=False)
    assert {(await one).taken.entry for one in waiting} == {ENTRY}
    assert cache.looks == 1


async def test_a_kept_answer_is_everybodys():
    cache = Cache(Taken("wait"), Taken("use", ENTRY))
    flights = Flights(cache, 10)
    found = await asyncio.gather(*(flights.board(PLACE, str(at), 60) for at in range(5)))
    assert {flight.taken.entry for flight in found} == {ENTRY}
    assert cache.looks == 2


async def test_the_next_one_makes_what_the_first_did_not():
    flights = Flights(Cache(Taken("make")), 10)
    asking = await others(flights, 3)
    (await asking.pop(0)).land(None, never=False)
    for _ in range(2):
        done, rest = await asyncio.wait(asking, return_when="FIRST_COMPLETED")
        (next_one,) = done
        assert (await next_one).taken.then == "make"
        asking = list(rest)
        (await next_one).land(None, never=False)


async def test_what_is_never_kept_is_made_by_each():
    flights = Flights(Cache(Taken("make")), 10)
    pilot, *waiting = await others(flights, 4)
    (await pilot).land(None, never=True)
    assert {(await one).taken.then for one in waiting} == {"alone"}


@pytest.mark.parametrize("wait_s", [0, 0.03])
async def test_a_wait_has_an_end(wait_s):
    flights = Flights(Cache(Taken("wait")), wait_s)
    found = await asyncio.gather(*(flights.board(PLACE, str(at), 60) for at in range(3)))
    assert {flight.taken.then for flight in found} == {"alone"}


async def test_without_redis_a_process_still_asks_once():
    flights = Flights(Cache(RedisUnavailable("away", sent=False)), 10)
    pilot, waiting = await others(flights, 2)
    flight = await pilot
    assert flight.unseen
    assert flight.taken.then == "make"
    flight.begin()
    flight.land(ENTRY, never=False)
    assert (await waiting).taken.entry == ENTRY


async def test_a_pilot_that_is_cancelled_leaves_nobody_behind():
    cache = Cache(Taken("wait"), Taken("wait"), Taken("make"))
    flights = Flights(cache, 10)
    pilot, waiting = await others(flights, 2)
    pilot.cancel()
    assert (await waiting).taken.then == "make"
    with pytest.raises(asyncio.CancelledError):
        await pilot


async def test_one_who_waits_may_leave_alone():
    flights = Flights(Cache(Taken("make")), 10)
    pilot, leaving, staying = await others(flights, 3)
    leaving.cancel()
    (await pilot).land(ENTRY, never=False)
    assert (await staying).taken.entry == ENTRY
