"""When a key was first used: in Redis at once, in Postgres soon, and never later than it was."""

from datetime import timedelta

import msgspec
import pytest

from common.domain.accounts import AccountRecord
from common.domain.admission import Admitted, Candidate, KeyRefused
from common.domain.keys import KeyRecord, hash_key
from common.domain.limits import money_key
from common.domain.policies import Budget, Limits, Policy, account_scope
from common.identifiers import new_ulid, now_ms
from common.projection import keep_first_uses, rebuild, replay_changes
from common.state.admission import Admission, Snapshot
from common.state.client import RedisPyCommands
from common.store import accounts, keys, ledger
from tests.support.usage_records import make_record

PREFIX = "{relay}"
DAY_MS = 24 * 3600 * 1000


class World:
    """Both stores."""

    def __init__(self, database, redis_url: str) -> None:
        self.database = database
        self.commands = RedisPyCommands.from_url(redis_url)
        self.stores = (database, self.commands, PREFIX)

    async def make_key(self, days: int | None) -> KeyRecord:
        record = KeyRecord(id=new_ulid(), user_id="alice", activation_days=days)
        async with self.database.transaction() as connection:
            made = await keys.create(connection, record, None, hash_key(record.id), "cr_")
        await replay_changes(*self.stores)
        return made.record

    async def change(self, key_id: str, days: int | None) -> None:
        async with self.database.transaction() as connection:
            key = await keys.find(connection, key_id)
            record = msgspec.structs.replace(key.record, activation_days=days)
            assert await keys.update(connection, msgspec.structs.replace(key, record=record))
        await replay_changes(*self.stores)

    async def key(self, key_id: str) -> keys.Key:
        async with self.database.transaction() as connection:
            return await keys.find(connection, key_id)

    async def ask(self, key_id: str, at_ms: int):
        """A request at that time, settled; or what refuses it."""
        admission = Admission(self.commands, PREFIX, at_ms)
        current = await admission.verify(hash_key(key_id), address="1.2.3.4")
        if isinstance(current, KeyRefused):
            return current
        snapshot = Snapshot(hash_key(key_id), current.versions, current.accounts_version)
        request_id = new_ulid()
        one = Candidate("a", 0, b"draft")
        answer = await admission.admit(request_id, snapshot, [one], address="1.2.3.4")
        await admission.settle(request_id, b"record")
        return answer


@pytest.fixture
async def world(ledger_database, redis_url):
    world = World(ledger_database, redis_url)
    await rebuild(*world.stores)
    yield world
    await world.commands.close()


async def test_the_first_use_is_kept_and_outlives_redis(world):
    key = await world.make_key(2)
    first_ms = now_ms()
    assert isinstance(await world.ask(key.id, first_ms), Admitted)
    assert isinstance(await world.ask(key.id, first_ms + DAY_MS), Admitted)
    assert (await world.key(key.id)).activated_at is None
    assert await keep_first_uses(*world.stores) == 1
    assert await keep_first_uses(*world.stores) == 0
    kept = await world.key(key.id)
    assert int(kept.activated_at.timestamp() * 1000) == first_ms
    assert kept.ends_at == kept.activated_at + timedelta(days=2)
    await world.commands.call("FLUSHALL")
    await rebuild(*world.stores)
    assert isinstance(await world.ask(key.id, first_ms + 2 * DAY_MS - 1), Admitted)
    assert await world.ask(key.id, first_ms + 2 * DAY_MS) == KeyRefused("expired")


async def test_more_days_count_from_the_first_use_and_none_forget_it(world):
    key = await world.make_key(1)
    first_ms = now_ms()
    await world.ask(key.id, first_ms)
    await keep_first_uses(*world.stores)
    assert await world.ask(key.id, first_ms + DAY_MS) == KeyRefused("expired")
    await world.change(key.id, 3)
    assert isinstance(await world.ask(key.id, first_ms + DAY_MS), Admitted)
    assert await world.ask(key.id, first_ms + 3 * DAY_MS) == KeyRefused("expired")
    await world.change(key.id, None)
    assert isinstance(await world.ask(key.id, first_ms + 9 * DAY_MS), Admitted)
    assert (await world.key(key.id)).activated_at is None
    await world.change(key.id, 1)
    assert isinstance(await world.ask(key.id, first_ms + 10 * DAY_MS), Admitted)
    assert await world.ask(key.id, first_ms + 11 * DAY_MS) == KeyRefused("expired")


async def test_a_use_that_was_forgotten_before_it_was_kept_is_not_kept(world):
    key = await world.make_key(1)
    await world.ask(key.id, now_ms())
    await world.change(key.id, None)
    await world.change(key.id, 5)
    assert await keep_first_uses(*world.stores) == 1
    assert (await world.key(key.id)).activated_at is None


async def test_expired_by_its_first_use_is_listed_so(world):
    key, other = await world.make_key(1), await world.make_key(1)
    for one, ago_ms in ((key, 2 * DAY_MS), (other, 0)):
        await world.ask(one.id, now_ms() - ago_ms)
    await keep_first_uses(*world.stores)
    async with world.database.transaction() as connection:
        for status, only in (("expired", key), ("active", other)):
            found = await keys.page(connection, status=status, limit=10)
            assert [one.record.id for one in found] == [only.id]


async def test_accounts_begin_with_what_the_ledger_says_they_spent(world):
    policy = Policy(Limits(requests_per_day=9), (Budget("total", "5", "deny"), Budget("day", "1")))
    record = AccountRecord(new_ulid(), "a", "openai", "http://x", policy=policy)
    async with world.database.transaction() as connection:
        made = await accounts.create(connection, record)
        assert made.record.policy == policy
        spent = [make_record(account_id=record.id, cost_usd="0.25") for _ in range(2)]
        await ledger.insert(connection, [*spent, make_record(cost_usd="3")])
    await replay_changes(*world.stores)
    scope = account_scope(record.id)
    counters = sorted(await world.commands.call("KEYS", f"{PREFIX}:*:{scope}:*"))
    money = [key for key in counters if b":money:" in key]
    assert len(money) == 2
    for key in money:
        assert await world.commands.call("HGET", key, "s") == b"500000000"
    total = f"{PREFIX}:{money_key(scope, 'total')}"
    assert total.encode() in money
    (count,) = [key for key in counters if b":count:" in key]
    assert await world.commands.call("HGET", count, "r") == b"2"
