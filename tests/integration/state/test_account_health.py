"""Accounts that rest, in a real Redis: examples, and random histories with a model beside them."""

import asyncio

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from common.domain.account_health import OK, Health, Rest, health_of
from common.domain.admission import Admitted, Candidate, Denied, Moved
from common.domain.keys import KeyRecord, hash_key
from common.state import account_health
from common.state.admission import LEASE_MS, Admission, Snapshot
from common.state.connection import MultiplexedConnection
from common.state.projection import put_key, set_epoch

PREFIX = "{relay}"
KEY_HASH = hash_key("cr_test")
SNAPSHOT = Snapshot(KEY_HASH, "7 0 0 0 0 0", 0)
START_MS = 1_800_000_000_000
MAX_MS = 900_000
GUESSED = Rest(10_000, "timed_out")
NAMED = Rest(10_000, "rate_limited", named=True)


class World:
    """A connection, and a clock that the test moves."""

    def __init__(self, url: str) -> None:
        self.commands = MultiplexedConnection.from_url(url)
        self.now_ms = START_MS

    @property
    def admission(self) -> Admission:
        return Admission(self.commands, PREFIX, self.now_ms)

    async def prepare(self) -> None:
        await self.commands.call("DEL", f"{PREFIX}:epoch")
        await self.commands.call("FLUSHALL")
        record = KeyRecord(id="01KEY", user_id="alice", version=7)
        await put_key(self.commands, PREFIX, KEY_HASH, record, "active", None)
        await set_epoch(self.commands, PREFIX, "01EPOCH")

    async def admit(self, request_id, *accounts):
        candidates = [Candidate(one, 0, request_id.encode()) for one in accounts]
        return await self.admission.admit(request_id, SNAPSHOT, candidates, address="1.2.3.4")

    async def fail(self, request_id, account, rest):
        return await self.admission.settle(request_id, b"{}", failed=(account, rest))

    async def rest(self, account, rest, probe=""):
        await account_health.let_rest(
            self.commands, PREFIX, account, rest, probe, now_ms=self.now_ms
        )

    async def probe(self, account):
        return await account_health.take_probe(self.commands, PREFIX, account, self.now_ms)

    async def close_account(self, account, probe=""):
        return await account_health.close(self.commands, PREFIX, account, probe)

    async def health(self, account):
        found = await account_health.healths(self.commands, PREFIX, self.now_ms)
        return found.get(account, OK)


@pytest.fixture
async def world(admission_url):
    world = World(admission_url)
    await world.prepare()
    yield world
    await world.commands.close()


async def test_a_rest_that_the_provider_named_is_simply_over(world):
    await world.admit("r1", "a")
    await world.fail("r1", "a", NAMED)
    assert await world.admit("r2", "a") == Denied("cooling_down", 10_000)
    assert await world.health("a") == Health(
        "cooling", "open", "rate_limited", START_MS, START_MS + 10_000
    )
    world.now_ms += 10_000
    assert await world.health("a") == OK
    for number in range(3):
        assert await world.admit(f"s{number}", "a") == Admitted(0)


async def test_after_any_other_rest_one_request_tries_it(world):
    await world.admit("r1", "a")
    await world.fail("r1", "a", GUESSED)
    world.now_ms += 9_999
    assert await world.admit("r2", "a") == Denied("cooling_down", 1)
    world.now_ms += 1
    assert (await world.health("a")).circuit == "half_open"
    first = Admitted(0, probe=True)
    assert await world.admit("r2", "a") == await world.admit("r2", "a") == first
    assert await world.admit("r3", "a") == Denied("cooling_down", 1_000)
    assert await world.admit("r4", "a", "b") == Admitted(1)
    assert not await world.close_account("a", "r4")
    assert await world.close_account("a", "r2")
    assert await world.health("a") == OK
    assert await world.admit("r3", "a") == Admitted(0)


async def test_a_probe_that_fails_doubles_the_rest_up_to_a_quarter_of_an_hour(world):
    await world.admit("r", "a")
    await world.fail("r", "a", GUESSED)
    rests = []
    for number in range(8):
        world.now_ms = (await world.health("a")).until_ms
        assert (await world.admit(f"r{number}", "a")).probe
        await world.fail(f"r{number}", "a", GUESSED)
        rests.append((await world.health("a")).until_ms - world.now_ms)
    assert rests == [20_000, 40_000, 80_000, 160_000, 320_000, 640_000, MAX_MS, MAX_MS]
    assert (await world.health("a")).since_ms == START_MS


async def test_a_probe_that_moves_on_leaves_its_account_resting(world):
    await world.rest("a", GUESSED)
    world.now_ms += 10_000
    assert (await world.admit("r1", "a", "b")).probe
    moved = await world.admission.move("r1", 2, [Candidate("b", 0, b"")], rest=GUESSED)
    assert moved == Moved(0)
    assert await world.admit("r2", "a") == Denied("cooling_down", 20_000)


async def test_a_move_can_be_a_probe(world):
    await world.rest("b", GUESSED)
    world.now_ms += 10_000
    await world.admit("r1", "a")
    to_b = [Candidate("b", 0, b"")]
    assert await world.admission.move("r1", 2, to_b) == Moved(0, probe=True)
    assert await world.admission.move("r1", 2, to_b) == Moved(0, probe=True)


async def test_a_probe_whose_relay_died_makes_room_for_another(world):
    await world.rest("a", GUESSED)
    world.now_ms += 10_000
    assert (await world.admit("r1", "a")).probe
    world.now_ms += LEASE_MS
    assert (await world.admit("r2", "a")).probe


async def test_what_began_before_the_rest_does_not_double_it(world):
    await world.admit("slow", "a")
    await world.rest("a", GUESSED)
    world.now_ms += 10_000
    assert (await world.admit("probe", "a")).probe
    await world.fail("slow", "a", GUESSED)
    assert (await world.health("a")).until_ms == world.now_ms + 10_000
    # The probe is still one, and what it finds counts.
    assert await world.close_account("a", "probe")


async def test_a_shorter_rest_does_not_end_a_longer_one(world):
    await world.rest("a", Rest(60_000, "overloaded"))
    await world.rest("a", Rest(5_000, "rate_limited", named=True))
    health = await world.health("a")
    assert (health.cause, health.until_ms) == ("overloaded", START_MS + 60_000)


async def test_what_lasts_is_noted_of_the_only_account_and_one_request_tries_it(world):
    await world.rest("a", Rest(0, "unauthorized"))
    assert await world.health("a") == Health(
        "unauthorized", "half_open", "unauthorized", START_MS, START_MS
    )
    assert (await world.admit("r1", "a")).probe
    assert await world.admit("r2", "a") == Denied("cooling_down", 1_000)


async def test_a_test_call_takes_the_probe_too(world):
    await world.rest("a", GUESSED)
    await world.rest("b", Rest(MAX_MS, "unauthorized"))
    assert await world.probe("a") is None
    assert await world.probe("never failed") is None
    # No request tries it before, so the test call may at any time.
    held = await world.probe("b")
    assert held is not None
    assert await world.probe("b") is None
    world.now_ms += 10_000
    taken = await world.probe("a")
    assert await world.admit("r1", "a") == Denied("cooling_down", 1_000)
    await world.rest("a", GUESSED, taken)
    assert (await world.health("a")).until_ms == world.now_ms + 20_000
    assert await world.close_account("b", held)
    assert await world.admit("r2", "b") == Admitted(0)


async def test_an_operator_closes_it_whoever_tries_it(world):
    await world.rest("a", Rest(MAX_MS, "unauthorized"))
    assert await world.close_account("a")
    assert not await world.close_account("a")
    assert await world.admit("r1", "a") == Admitted(0)


async def test_what_an_older_relay_wrote_is_the_end_of_a_rest(world):
    await world.commands.call("HSET", f"{PREFIX}:cooldowns", "a", START_MS + 5_000)
    assert await world.admit("r1", "a") == Denied("cooling_down", 5_000)
    await world.rest("a", Rest(1_000, "overloaded"))
    assert (await world.health("a")).until_ms == START_MS + 5_000
    world.now_ms += 5_000
    assert health_of(str(START_MS), START_MS) == OK
    assert await world.admit("r1", "a") == Admitted(0)


class AccountHistories(RuleBasedStateMachine):
    """Two accounts under any history: never two probes of one, and each comes back."""

    url: str
    accounts = ("a", "b")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(self.url)
        self.count = 0
        # request -> account, and the requests that are probes of theirs.
        self.open: dict[str, str] = {}
        self.probing: dict[str, str] = {}

    def run(self, work):
        return self.loop.run_until_complete(work)

    @initialize()
    def prepare(self) -> None:
        self.run(self.world.prepare())
        for account in self.accounts:
            self.run(self.world.rest(account, GUESSED))
        self.world.now_ms += GUESSED.ms

    @rule(order=st.permutations(accounts))
    def admit(self, order) -> None:
        self.count += 1
        name = f"r{self.count}"
        answer = self.run(self.world.admit(name, *order))
        if isinstance(answer, Admitted):
            account = order[answer.index]
            self.open[name] = account
            health = self.run(self.world.health(account))
            if answer.probe:
                assert account not in self.probing.values()
                assert health.circuit == "half_open"
                self.probing[name] = account
            else:
                assert health == OK
        else:
            assert answer.reason == "cooling_down"
            for account in self.accounts:
                health = self.run(self.world.health(account))
                assert health.circuit == "open" or account in self.probing.values()

    @rule(
        data=st.data(),
        ms=st.sampled_from([0, 1_000, 50_000]),
        named=st.booleans(),
        cause=st.sampled_from(["timed_out", "unauthorized"]),
    )
    def end(self, data, ms, named, cause) -> None:
        if not self.open:
            return
        name = data.draw(st.sampled_from(sorted(self.open)))
        account = self.open.pop(name)
        probed = self.probing.pop(name, None)
        before = self.run(self.world.health(account))
        rest = Rest(ms, cause, named=named) if ms or cause == "unauthorized" else None
        self.run(self.world.fail(name, account, rest))
        after = self.run(self.world.health(account))
        if rest is None:
            assert after == before
        elif probed and not named:
            assert after.until_ms - self.world.now_ms >= min(ms, MAX_MS)
        elif before.until_ms is not None and after.until_ms is not None:
            assert after.until_ms >= before.until_ms

    @rule(data=st.data())
    def serve(self, data) -> None:
        if not self.probing:
            return
        name = data.draw(st.sampled_from(sorted(self.probing)))
        account = self.probing.pop(name)
        self.run(self.world.close_account(account, name))
        # Unless what began before has let it rest again meanwhile, in which case it does no more.
        assert self.run(self.world.health(account)) == OK

    @rule(ms=st.sampled_from([500, 10_000, LEASE_MS]))
    def wait(self, ms) -> None:
        self.world.now_ms += ms
        if ms == LEASE_MS:  # all relays have died
            self.run(self.world.admission.expire(1_000))
            self.open.clear()
            self.probing.clear()

    @rule(account=st.sampled_from(accounts), good=st.booleans())
    def try_by_a_call(self, account, good) -> None:
        probe = self.run(self.world.probe(account))
        if probe is None:
            return
        assert account not in self.probing.values()
        if good:
            self.run(self.world.close_account(account, probe))
            assert self.run(self.world.health(account)) == OK
        else:
            self.run(self.world.rest(account, GUESSED, probe))

    @invariant()
    def every_account_comes_back(self) -> None:
        for account in self.accounts:
            health = self.run(self.world.health(account))
            if health.until_ms is not None:
                assert health.until_ms - self.world.now_ms <= MAX_MS

    def teardown(self) -> None:
        # Whatever happened: a quarter of an hour later each account serves one who asks for it.
        self.world.now_ms += MAX_MS + LEASE_MS
        self.run(self.world.admission.expire(1_000))
        for account in self.accounts:
            assert isinstance(self.run(self.world.admit(f"last-{account}", account)), Admitted)
        self.run(self.world.commands.close())
        self.loop.close()


def test_random_histories(admission_url):
    AccountHistories.url = admission_url
    run_state_machine_as_test(
        AccountHistories,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
