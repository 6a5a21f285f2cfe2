"""Admission's scripts against a real Redis: examples, and a state machine of random histories."""

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from common.domain.account_health import Rest
from common.domain.admission import (
    Admitted,
    Candidate,
    Denied,
    Draft,
    Gone,
    KeyRefused,
    KeyUnknown,
    Moved,
    Rebuilding,
    Settled,
    SettledLate,
    Skipped,
    Stale,
)
from common.domain.keys import KeyRecord, hash_key
from common.state.admission import LEASE_MS, Admission, Snapshot
from common.state.connection import MultiplexedConnection
from common.state.outbox import Outbox
from common.state.projection import put_key, set_epoch

PREFIX = "{relay}"
KEY_HASH = hash_key("cr_test")
RECORD = KeyRecord(id="01KEY", user_id="alice", version=7)
SNAPSHOT = Snapshot(KEY_HASH, "7 0 0 0 0 0", 0)
START_MS = 1_800_000_000_000


class World:
    """A connection, a projected key, and a clock that the test moves."""

    def __init__(self, url: str) -> None:
        self.commands = MultiplexedConnection.from_url(url)
        self.outbox = Outbox(self.commands, PREFIX)
        self.now_ms = START_MS

    @property
    def admission(self) -> Admission:
        return Admission(self.commands, PREFIX, self.now_ms)

    async def prepare(self) -> None:
        # In a Cluster the connection is then with the node that has all keys.
        await self.commands.call("DEL", f"{PREFIX}:epoch")
        await self.commands.call("FLUSHALL")
        await put_key(self.commands, PREFIX, KEY_HASH, RECORD, "active", None)
        await set_epoch(self.commands, PREFIX, "01EPOCH")

    async def admit(self, request_id: str, *candidates: Candidate, snapshot: Snapshot = SNAPSHOT):
        return await self.admission.admit(request_id, snapshot, candidates, address="1.2.3.4")

    async def inflight(self) -> dict[str, int]:
        flat = await self.commands.call("HGETALL", f"{PREFIX}:inflight")
        return {flat[i].decode(): int(flat[i + 1]) for i in range(0, len(flat), 2)}

    async def records(self) -> list[bytes]:
        return [entry.record for entry in await self.outbox.read(10_000)]


@pytest.fixture
async def world(admission_url):
    world = World(admission_url)
    await world.prepare()
    yield world
    await world.commands.close()


def candidate(account: str, most: int = 0, draft: bytes | None = None) -> Candidate:
    return Candidate(account, most, draft or f"draft {account}".encode())


async def test_admit_takes_the_first_candidate_and_repeats_its_answer(world):
    assert await world.admit("r1", candidate("a"), candidate("b")) == Admitted(0)
    assert await world.admit("r1", candidate("b"), candidate("a")) == Admitted(0)
    assert await world.inflight() == {"account:a": 1}
    assert await world.admission.open_leases() == 1


async def test_a_full_account_is_passed_over_and_a_denial_changes_nothing(world):
    await world.admit("r1", candidate("a", 1))
    assert await world.admit("r2", candidate("a", 1), candidate("b", 1)) == Admitted(1)
    assert await world.admit("r3", candidate("a", 1), candidate("b", 1)) == Denied(
        "no_capacity", 1000
    )
    assert await world.inflight() == {"account:a": 1, "account:b": 1}
    assert await world.admission.open_leases() == 2


async def test_an_old_snapshot_gets_the_current_records(world):
    answer = await world.admit("r1", candidate("a"), snapshot=Snapshot(KEY_HASH, "6 0 0 0 0 0", 0))
    assert isinstance(answer, Stale)
    assert (answer.versions, answer.accounts_version) == ("7 0 0 0 0 0", 0)
    assert b'"user_id":"alice"' in answer.key_record
    assert await world.admission.open_leases() == 0


async def test_a_revocation_holds_on_the_next_request_whatever_the_snapshot(world):
    await world.admit("r1", candidate("a"))
    revoked = KeyRecord(id="01KEY", user_id="alice", version=8)
    assert await put_key(world.commands, PREFIX, KEY_HASH, revoked, "revoked", None)
    assert await world.admit("r2", candidate("a")) == KeyRefused("revoked")
    assert await world.admission.verify(KEY_HASH, address="x") == KeyRefused("revoked")


async def test_an_older_version_never_replaces_a_newer_one(world):
    revoked = KeyRecord(id="01KEY", user_id="alice", version=8)
    await put_key(world.commands, PREFIX, KEY_HASH, revoked, "revoked", None)
    assert not await put_key(world.commands, PREFIX, KEY_HASH, RECORD, "active", None)
    assert await world.admit("r1", candidate("a")) == KeyRefused("revoked")


async def test_a_key_ends_at_its_time(world):
    await put_key(world.commands, PREFIX, KEY_HASH, RECORD, "active", START_MS + 10)
    assert await world.admit("r1", candidate("a")) == Admitted(0)
    world.now_ms += 10
    assert await world.admit("r2", candidate("a")) == KeyRefused("expired")


async def test_unknown_keys_are_counted_by_address(world):
    unknown = Snapshot(hash_key("cr_other"), "", 0)
    assert await world.admit("r1", snapshot=unknown) == KeyUnknown(1)
    assert await world.admit("r2", snapshot=unknown) == KeyUnknown(2)
    assert await world.admission.verify(unknown.key_hash, address="9.9.9.9") == KeyUnknown(1)


async def test_unknown_keys_are_counted_by_the_network_of_an_ipv6_address(world):
    admission, unknown = world.admission, Snapshot(hash_key("cr_other"), "", 0)
    first = await admission.verify(unknown.key_hash, address="2001:db8:0:1::1")
    second = await admission.admit("r1", unknown, [], address="2001:db8:0:1::2")
    other = await admission.verify(unknown.key_hash, address="2001:db8:0:2::1")
    assert (first, second, other) == (KeyUnknown(1), KeyUnknown(2), KeyUnknown(1))


async def test_without_an_epoch_nothing_is_admitted(world):
    await world.commands.call("DEL", f"{PREFIX}:epoch")
    assert await world.admit("r1", candidate("a")) == Rebuilding()
    assert await world.admission.verify(KEY_HASH, address="x") == Rebuilding()
    assert await world.admission.open_leases() == 0


async def test_move_releases_the_failed_account_and_cools_it_down(world):
    await world.admit("r1", candidate("a"), candidate("b"))
    moved = await world.admission.move(
        "r1", 2, [candidate("b")], rest=Rest(500, "rate_limited", named=True)
    )
    assert moved == Moved(0)
    assert await world.admission.move(
        "r1", 2, [candidate("c")], rest=Rest(500, "rate_limited", named=True)
    ) == Moved(0)
    assert await world.inflight() == {"account:b": 1}
    assert await world.admit("r2", candidate("a")) == Denied("cooling_down", 500)
    world.now_ms += 500
    assert await world.admit("r3", candidate("a")) == Admitted(0)


async def test_a_denied_move_holds_no_account_and_still_settles(world):
    await world.admit("r1", candidate("a"))
    denied = await world.admission.move(
        "r1", 2, [candidate("a")], rest=Rest(900, "rate_limited", named=True)
    )
    assert denied == Denied("cooling_down", 900)
    assert await world.admission.move("r1", 2, [candidate("b")]) == denied
    assert await world.inflight() == {}
    assert isinstance(await world.admission.settle("r1", b"record"), Settled)
    assert await world.admission.open_leases() == 0


async def test_settle_appends_once(world):
    await world.admit("r1", candidate("a"))
    first = await world.admission.settle("r1", b"record")
    again = await world.admission.settle("r1", b"record")
    assert first == Settled(first.outbox_id, first=True)
    assert again == Settled(first.outbox_id, first=False)
    assert await world.records() == [b"record"]
    assert await world.inflight() == {}


async def test_settle_without_a_lease_appends_unless_told_to_skip(world):
    assert await world.admission.settle("r1", b"record", append_unleased=False) == Skipped()
    assert isinstance(await world.admission.settle("r1", b"record"), Settled)
    assert await world.records() == [b"record"]


async def test_an_expired_lease_posts_its_draft_and_a_late_settle_adjusts(world):
    await world.admit("r1", candidate("a"))
    await world.admission.renew({"r1": Draft(b"draft with output")})
    world.now_ms += LEASE_MS + 1
    assert await world.admission.expire(10) == 1
    assert await world.admission.expire(10) == 0
    assert await world.inflight() == {}
    assert await world.admission.settle("r1", b"record") == SettledLate(b"draft with output")
    assert isinstance(await world.admission.adjust("r1", b"difference"), Settled)
    assert isinstance(await world.admission.adjust("r1", b"difference"), Settled)
    assert isinstance(await world.admission.settle("r1", b"record"), Settled)
    assert await world.records() == [b"draft with output", b"difference"]


async def test_the_next_admits_expire_what_is_over(world):
    for number in range(3):
        await world.admit(f"dead{number}", candidate("a"))
    world.now_ms += LEASE_MS
    await world.admit("r1", candidate("a"))
    await world.admit("r2", candidate("a"))
    assert await world.inflight() == {"account:a": 2}
    assert len(await world.records()) == 3


async def test_renew_names_the_leases_that_are_gone(world):
    await world.admit("r1", candidate("a"))
    assert await world.admission.renew({"r1": Draft(b"d"), "r2": Draft(b"d")}) == ["r2"]
    assert await world.admission.move("r2", 2, [candidate("a")]) == Gone()


ACCOUNTS = ("a", "b", "c")


class Histories(RuleBasedStateMachine):
    """Random histories of relays that repeat, die and come late, held against a model."""

    url = ""
    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(self.url)
        self.loop.run_until_complete(self.world.prepare())
        self.sequence = 0
        self.holding: dict[str, str] = {}
        self.ends_ms: dict[str, int] = {}
        self.posted: Counter[str] = Counter()
        self.expired: set[str] = set()

    def teardown(self) -> None:
        self.loop.run_until_complete(self.world.commands.close())
        self.loop.close()

    def run(self, work):
        return self.loop.run_until_complete(work)

    def candidates(self, request_id: str, accounts: list[str]) -> list[Candidate]:
        return [candidate(account, 2, f"{request_id} draft".encode()) for account in accounts]

    def forget_expired(self) -> None:
        """What an admit or an expire does to leases that are over."""
        for request_id in [r for r, end in self.ends_ms.items() if end <= self.world.now_ms]:
            self.ends_ms.pop(request_id)
            self.holding.pop(request_id, None)
            self.expired.add(request_id)
            self.posted[request_id] += 1

    @initialize()
    def begin(self) -> None:
        self.world.now_ms = START_MS

    @rule(target=requests, accounts=st.lists(st.sampled_from(ACCOUNTS), min_size=1, unique=True))
    def admit(self, accounts):
        self.run(self.world.admission.expire(1000))
        self.forget_expired()
        self.sequence += 1
        request_id = f"r{self.sequence}"
        candidates = self.candidates(request_id, accounts)
        answer = self.run(self.world.admit(request_id, *candidates))
        again = self.run(self.world.admit(request_id, *candidates))
        load = Counter(self.holding.values())
        free = [i for i, account in enumerate(accounts) if load[account] < 2]
        if free:
            best = min(free, key=lambda i: load[accounts[i]])
            assert answer == again == Admitted(best)
            self.holding[request_id] = accounts[best]
            self.ends_ms[request_id] = self.world.now_ms + LEASE_MS
        else:
            assert answer == again == Denied("no_capacity", 1000)
        return request_id

    @rule(request_id=requests, account=st.sampled_from(ACCOUNTS))
    def move(self, request_id, account):
        if request_id not in self.ends_ms:
            answer = self.run(
                self.world.admission.move(request_id, 2, self.candidates(request_id, [account]))
            )
            assert answer == Gone()

    @rule(request_id=consumes(requests), times=st.integers(1, 3))
    def settle(self, request_id, times):
        for _ in range(times):
            known = request_id in self.ends_ms or request_id in self.expired
            if not known and not self.posted[request_id]:
                return
            answer = self.run(
                self.world.admission.settle(request_id, b"%s record" % request_id.encode())
            )
            if request_id in self.expired:
                assert isinstance(answer, SettledLate)
                self.run(
                    self.world.admission.adjust(request_id, b"%s adjust" % request_id.encode())
                )
                self.expired.discard(request_id)
                self.posted[request_id] += 1
            else:
                assert isinstance(answer, Settled)
                if request_id in self.ends_ms:
                    self.posted[request_id] += 1
            self.ends_ms.pop(request_id, None)
            self.holding.pop(request_id, None)

    @rule(request_id=requests)
    def renew(self, request_id):
        lost = self.run(
            self.world.admission.renew({request_id: Draft(f"{request_id} draft".encode())})
        )
        if request_id in self.ends_ms:
            assert lost == []
            self.ends_ms[request_id] = self.world.now_ms + LEASE_MS
        else:
            assert lost == [request_id]

    @rule(step_ms=st.sampled_from((1, 5_000, LEASE_MS)))
    def time_passes(self, step_ms):
        self.world.now_ms += step_ms

    @rule()
    def expire(self):
        self.run(self.world.admission.expire(1000))
        self.forget_expired()

    @invariant()
    def counts_are_the_leases(self):
        assert self.run(self.world.inflight()) == {
            f"account:{account}": count for account, count in Counter(self.holding.values()).items()
        }
        assert self.run(self.world.admission.open_leases()) == len(self.ends_ms)

    @invariant()
    def each_request_is_in_the_outbox_as_often_as_it_was_posted(self):
        found = Counter(record.split()[0].decode() for record in self.run(self.world.records()))
        assert found == +self.posted


def test_random_histories_keep_counts_and_outbox_right(admission_url):
    Histories.url = admission_url
    run_state_machine_as_test(
        Histories,
        settings=settings(
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
