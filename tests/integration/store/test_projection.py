"""From Postgres into Redis: complete before it says so, and never back in time."""

import asyncio

import pytest

from common import projection
from common.domain.admission import KeyRefused, Rebuilding, Stale
from common.domain.keys import KeyRecord, hash_key
from common.identifiers import new_ulid
from common.projection import project, project_key, rebuild, replay_changes
from common.state import locks
from common.state.admission import Admission
from common.state.client import RedisPyCommands
from common.state.commands import RedisUnavailable
from common.state.projection import has_epoch, put_key
from common.store import keys
from common.store.database import Database, DatabaseUnavailable
from common.store.keys import Key

PREFIX = "{relay}"


class World:
    """Keys in Postgres, and what Redis knows of them."""

    def __init__(self, database: Database, redis_url: str) -> None:
        self.database = database
        self.commands = RedisPyCommands.from_url(redis_url)
        self.stores = (database, self.commands, PREFIX)

    async def create(self) -> Key:
        record = KeyRecord(id=new_ulid(), user_id="alice")
        async with self.database.transaction() as connection:
            return await keys.create(connection, record, None, hash_key(record.id), "cr_")

    async def revoke(self, key: Key) -> None:
        async with self.database.transaction() as connection:
            assert await keys.revoke(connection, key.record.id)

    async def known(self, key: Key) -> tuple[str, int] | None:
        """Status and version in Redis."""
        name = f"{PREFIX}:key:{hash_key(key.record.id)}"
        status, version = await self.commands.call("HMGET", name, "s", "v")
        return None if status is None else (status.decode(), int(version))

    async def verify(self, key: Key):
        return await Admission(self.commands, PREFIX).verify(hash_key(key.record.id), address="x")

    async def changes(self) -> int:
        async with self.database.transaction() as connection:
            return len(await keys.pending_changes(connection, 10_000))


@pytest.fixture
async def world(database, redis_url):
    world = World(database, redis_url)
    yield world
    await world.commands.close()


async def test_one_secret_is_looked_up_and_projected(world):
    key, other = await world.create(), await world.create()
    assert await project_key(*world.stores, hash_key(key.record.id)) is True
    assert await world.known(key) == ("active", key.record.version)
    assert await world.known(other) is None
    assert await project_key(*world.stores, hash_key("cr_unknown")) is False
    assert not await has_epoch(world.commands, PREFIX)


async def test_all_secrets_of_a_key_are_projected(world):
    key = await world.create()
    second = hash_key("second")
    async with world.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO api_key_secrets (hash, key_id, prefix) "
            "SELECT %s, key_id, prefix FROM api_key_secrets",
            [second],
        )
    await project(*world.stores, key.record.id)
    assert await world.known(key) == ("active", key.record.version)
    assert await world.commands.call("HGET", f"{PREFIX}:key:{second}", "s") == b"active"


async def test_a_rebuild_brings_every_key_over_several_pages(world, monkeypatch):
    monkeypatch.setattr(projection, "PAGE", 3)
    made = [await world.create() for _ in range(10)]
    await world.revoke(made[4])
    assert isinstance(await world.verify(made[0]), Rebuilding)
    assert await rebuild(*world.stores) is True
    assert await has_epoch(world.commands, PREFIX)
    for key in made:
        answer = await world.verify(key)
        if key is made[4]:
            assert answer == KeyRefused("revoked")
        else:
            assert isinstance(answer, Stale)
            assert answer.versions == f"{key.record.version} 0 0 0 0 0"
    assert await world.commands.call("KEYS", f"{PREFIX}:lock:*") == []


async def test_a_long_rebuild_holds_its_lock_from_page_to_page(world, monkeypatch):
    """A million keys take minutes, and without the lock it could never be finished."""
    for _ in range(2):
        await world.create()
    monkeypatch.setattr(projection, "PAGE", 1)
    put, held = projection.put, []

    async def put_late(commands, prefix, secrets):
        await put(commands, prefix, secrets)
        held.append(await locks.held_for_ms(commands, prefix, projection.REBUILD_LOCK))
        await commands.call("PEXPIRE", f"{prefix}:lock:rebuild", 20_000)

    monkeypatch.setattr(projection, "put", put_late)
    assert await rebuild(*world.stores) is True
    assert len(held) == 2
    assert min(held) > 20_000


async def test_a_flush_in_the_middle_of_a_rebuild_leaves_no_half_projection(world, monkeypatch):
    await world.create()
    put = projection.put

    async def put_and_flush(*arguments):
        await put(*arguments)
        await world.commands.call("FLUSHALL")

    with monkeypatch.context() as patched:
        patched.setattr(projection, "put", put_and_flush)
        assert await rebuild(*world.stores) is False
    assert not await has_epoch(world.commands, PREFIX)
    assert await rebuild(*world.stores) is True
    assert await has_epoch(world.commands, PREFIX)


async def test_a_rebuild_of_nothing_says_so_too(world):
    assert await rebuild(*world.stores) is True
    assert await has_epoch(world.commands, PREFIX)


async def test_the_epoch_comes_last_and_not_at_all_when_a_store_goes(world, monkeypatch):
    monkeypatch.setattr(projection, "PAGE", 1)
    for _ in range(3):
        await world.create()
    put, seen = projection.put, []

    async def put_then_fail(commands, prefix, secrets):
        await put(commands, prefix, secrets)
        seen.append(await has_epoch(commands, prefix))
        if len(seen) == 2:
            raise RedisUnavailable("lost", sent=True)

    monkeypatch.setattr(projection, "put", put_then_fail)
    with pytest.raises(RedisUnavailable, match="lost"):
        await rebuild(*world.stores)
    assert not await has_epoch(world.commands, PREFIX)
    assert await rebuild(*world.stores) is True
    assert seen == [False] * 5
    assert await has_epoch(world.commands, PREFIX)


async def test_a_rebuild_never_replaces_what_is_newer(world, monkeypatch):
    """It read the row, then an administrator revoked, then it wrote."""
    key = await world.create()
    put = projection.put

    async def revoked_meanwhile(commands, prefix, secrets):
        assert secrets[0].status == "active"
        monkeypatch.setattr(projection, "put", put)
        await world.revoke(key)
        await project(*world.stores, key.record.id)
        await put(commands, prefix, secrets)

    monkeypatch.setattr(projection, "put", revoked_meanwhile)
    assert await rebuild(*world.stores) is True
    assert (await world.known(key))[0] == "revoked"
    assert await world.verify(key) == KeyRefused("revoked")


async def test_a_second_rebuild_at_once_leaves_it_to_the_first(world, monkeypatch):
    await world.create()
    put, begun, may_go_on = projection.put, asyncio.Event(), asyncio.Event()

    async def slow(commands, prefix, secrets):
        begun.set()
        await may_go_on.wait()
        await put(commands, prefix, secrets)

    monkeypatch.setattr(projection, "put", slow)
    first = asyncio.create_task(rebuild(*world.stores))
    await begun.wait()
    assert await rebuild(*world.stores) is False
    assert not await has_epoch(world.commands, PREFIX)
    may_go_on.set()
    assert await first is True
    assert await rebuild(*world.stores) is True


async def test_a_lock_that_another_took_meanwhile_is_not_freed(world, monkeypatch):
    await world.create()
    put = projection.put

    async def outlived(commands, prefix, secrets):
        await commands.call("DEL", f"{prefix}:lock:rebuild")
        assert await locks.take(commands, prefix, "rebuild", "another", 60_000)
        await put(commands, prefix, secrets)

    monkeypatch.setattr(projection, "put", outlived)
    # Whoever has the lock now says when the projection is complete.
    assert await rebuild(*world.stores) is False
    assert not await has_epoch(world.commands, PREFIX)
    assert await world.commands.call("GET", f"{PREFIX}:lock:rebuild") == b"another"


async def test_changes_are_replayed_and_forgotten(world):
    made = [await world.create() for _ in range(3)]
    await world.revoke(made[1])
    assert await replay_changes(*world.stores) == 4
    assert [(await world.known(key))[0] for key in made] == ["active", "revoked", "active"]
    assert await world.changes() == 0
    assert await replay_changes(*world.stores) == 0


async def test_changes_come_in_portions(world, monkeypatch):
    monkeypatch.setattr(projection, "CHANGES_AT_ONCE", 2)
    made = [await world.create() for _ in range(3)]
    assert await replay_changes(*world.stores) == 2
    assert await world.known(made[2]) is None
    assert await replay_changes(*world.stores) == 1
    assert await world.known(made[2]) is not None


async def test_a_change_that_comes_during_a_replay_is_not_forgotten(world, monkeypatch):
    key = await world.create()
    put = projection.put

    async def revoked_meanwhile(commands, prefix, secrets):
        monkeypatch.setattr(projection, "put", put)
        await world.revoke(key)
        await put(commands, prefix, secrets)

    monkeypatch.setattr(projection, "put", revoked_meanwhile)
    assert await replay_changes(*world.stores) == 1
    assert (await world.known(key))[0] == "active"
    assert await replay_changes(*world.stores) == 1
    assert (await world.known(key))[0] == "revoked"


async def test_an_older_change_never_undoes_a_newer_projection(world):
    key = await world.create()
    newer = KeyRecord(id=key.record.id, user_id="alice", version=key.record.version + 100)
    await put_key(world.commands, PREFIX, hash_key(key.record.id), newer, "revoked", None)
    assert await replay_changes(*world.stores) == 1
    assert await world.known(key) == ("revoked", newer.version)


async def test_without_redis_no_change_is_forgotten(world, redis_server):
    await world.create()
    redis_server.stop()
    with pytest.raises(RedisUnavailable):
        await replay_changes(*world.stores)
    with pytest.raises(RedisUnavailable):
        await rebuild(*world.stores)
    assert await world.changes() == 1
    redis_server.start()
    assert await replay_changes(*world.stores) == 1


async def test_without_postgres_there_is_no_epoch_and_no_lock_left(world, postgres_server):
    postgres_server.stop()
    with pytest.raises(DatabaseUnavailable):
        await rebuild(*world.stores)
    assert not await has_epoch(world.commands, PREFIX)
    postgres_server.start()
    assert await rebuild(*world.stores) is True
