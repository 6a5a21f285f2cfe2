"""Posting: each record once into the ledger or into quarantine, then out of the outbox."""

import asyncio
import random

import msgspec
import pytest

from common.domain.ids import ulid_to_uuid
from common.domain.usage import encode
from common.identifiers import now_ms
from common.posting import Posted, arrival_from_event, drain, post
from common.state.client import RedisPyCommands
from common.state.commands import RedisUnavailable
from common.state.outbox import Outbox
from common.store import partitions
from common.store.database import Database, DatabaseUnavailable
from tests.support.usage_records import EVENTS_KEY, make_adjustment, make_record, signed

PREFIX = "{relay}"


class World:
    """A database, an outbox, and what is in them."""

    def __init__(self, database: Database, redis_url: str) -> None:
        self.database = database
        self.commands = RedisPyCommands.from_url(redis_url)
        self.outbox = Outbox(self.commands, PREFIX)

    async def settle(self, record: bytes, settled_ms: int | None = None) -> str:
        """As `settle.lua` appends."""
        place = "*" if settled_ms is None else f"{settled_ms}-0"
        reply = await self.commands.call("XADD", f"{PREFIX}:outbox", place, "record", record)
        return reply.decode()

    async def waiting(self) -> list[str]:
        return [entry.outbox_id for entry in await self.outbox.read(10_000)]

    async def post(self, *given: dict) -> Posted:
        arrivals = [arrival_from_event(one, EVENTS_KEY) for one in given]
        return await post(self.database, self.outbox, arrivals)

    async def rows(self, statement: str) -> list[dict]:
        async with self.database.transaction() as connection:
            return await (await connection.execute(statement)).fetchall()

    async def ledger(self) -> set:
        return {row["id"] for row in await self.rows("SELECT id FROM ledger")}

    async def quarantine(self) -> list[tuple[str, str]]:
        found = await self.rows("SELECT reason, detail FROM quarantine ORDER BY reason, detail")
        return [(row["reason"], row["detail"]) for row in found]

    async def check_sums(self) -> None:
        """Rollups and totals are those of the ledger."""
        (sums,) = await self.rows(
            "SELECT (SELECT coalesce(sum(cost_usd), 0) FROM ledger) AS ledger,"
            " (SELECT coalesce(sum(cost_usd), 0) FROM usage_rollups) AS rollups,"
            " (SELECT coalesce(sum(settled), 0) FROM spend_totals"
            "  WHERE scope = 'organisation' AND period = 'total') AS spent,"
            " (SELECT count(*) FROM ledger WHERE kind = 'usage') AS requests,"
            " (SELECT coalesce(sum(requests), 0) FROM usage_rollups) AS rolled,"
            " (SELECT coalesce(sum(requests), 0) FROM usage_periods WHERE step = 'day') AS days,"
            " (SELECT coalesce(sum(requests), 0) FROM usage_periods WHERE step = 'month') AS months"
        )
        assert sums["ledger"] == sums["rollups"] == sums["spent"]
        assert sums["requests"] == sums["rolled"] == sums["days"] == sums["months"]


@pytest.fixture
async def world(ledger_database, redis_url):
    world = World(ledger_database, redis_url)
    yield world
    await world.commands.close()


async def test_a_record_is_posted_once_and_leaves_the_outbox(world):
    record = make_record()
    outbox_id = await world.settle(encode(record))
    other = await world.settle(b"another")
    assert await world.post(signed(record, outbox_id)) == Posted(inserted=1)
    assert await world.waiting() == [other]
    assert await world.post(signed(record, outbox_id)) == Posted(duplicate=1)
    assert await world.ledger() == {ulid_to_uuid(record.id)}
    await world.check_sums()


async def test_a_bad_signature_is_kept_once_and_touches_no_outbox(world):
    record = make_record()
    outbox_id = await world.settle(encode(record))
    forged = signed(record, outbox_id) | {"cost_usd": "0"}
    for _ in range(3):
        assert await world.post(forged, forged) == Posted(quarantined=2)
    unsigned = msgspec.to_builtins(make_record())
    await world.post(unsigned)
    found = await world.rows("SELECT * FROM quarantine ORDER BY received_at")
    assert [(row["reason"], row["outbox_id"]) for row in found] == [("bad_signature", None)] * 2
    assert msgspec.json.decode(found[0]["record"]) == forged
    assert await world.waiting() == [outbox_id]
    assert await world.ledger() == set()


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"cost_usd": "much"}, "malformed", "cost_usd"),
        ({"client": "a\0b"}, "malformed", "client: contains a NUL"),
        ({"tokens": {"input": -1}}, "malformed", "tokens.input"),
        ({"attempts": None}, "malformed", "attempts"),
        ({"id": "01ARYZ6S41TSV4RRFFQ69G5FAV"}, "no_partition", "no partition of the ledger takes"),
        ({"occurred_at": "noon"}, "refused", "noon"),
        ({"occurred_at": "infinity"}, "refused", ""),
    ],
)
async def test_what_the_ledger_cannot_take_is_kept_and_leaves_the_outbox(
    world, changes, reason, said
):
    good = make_record()
    settled = msgspec.json.encode(msgspec.to_builtins(make_record()) | changes)
    bad_id, good_id = await world.settle(settled), await world.settle(encode(good))
    bad = signed(make_record(), bad_id, **changes)
    assert await world.post(bad, signed(good, good_id)) == Posted(inserted=1, quarantined=1)
    assert await world.post(bad, bad) == Posted(quarantined=2)
    ((found, detail),) = await world.quarantine()
    assert found == reason
    assert said in detail
    assert await world.waiting() == []
    assert await world.ledger() == {ulid_to_uuid(good.id)}


async def test_one_bad_value_stops_none_of_the_others(world):
    for place in (0, 24, 49):
        records = [make_record() for _ in range(50)]
        records[place] = make_record(occurred_at="noon")
        posted = await world.post(*(signed(record) for record in records))
        assert posted == Posted(inserted=49, quarantined=1)
    assert len(await world.ledger()) == 147
    await world.check_sums()


async def test_all_of_them_bad_is_all_of_them_kept(world):
    given = [signed(make_record(occurred_at="noon")) for _ in range(5)]
    assert await world.post(*given) == Posted(quarantined=5)
    assert len(await world.quarantine()) == 5


async def test_names_too_long_for_an_index_are_kept_not_retried_for_ever(world):
    draw = random.Random(3)
    long = "".join(chr(draw.randrange(0x10000, 0x20000)) for _ in range(1024))
    good = make_record()
    bad = make_record(user_id=long, model_served=long[::-1])
    assert await world.post(signed(good), signed(bad)) == Posted(inserted=1, quarantined=1)
    assert await world.ledger() == {ulid_to_uuid(good.id)}


async def test_a_number_beyond_64_bits_is_kept_not_failed(world):
    record = msgspec.to_builtins(make_record()) | {"attempts": 10**30}
    await world.post(record)
    ((reason, _),) = await world.quarantine()
    assert reason == "bad_signature"


async def test_what_waits_in_the_outbox_is_drained_when_it_is_old(world):
    records = [make_record() for _ in range(3)]
    old = [
        await world.settle(encode(record), now_ms() - 9_000 + n)
        for n, record in enumerate(records[:2])
    ]
    garbage = await world.settle(b"\xff{", now_ms() - 8_000)
    listed = await world.settle(b"[]", now_ms() - 7_000)
    young = await world.settle(encode(records[2]))
    assert await world.waiting() == [*old, garbage, listed, young]
    assert await drain(world.database, world.outbox) == Posted(inserted=2, quarantined=2)
    assert await world.waiting() == [young]
    assert await drain(world.database, world.outbox) is None
    assert await drain(world.database, world.outbox, age_ms=-1000) == Posted(inserted=1)
    assert [reason for reason, _ in await world.quarantine()] == ["malformed", "malformed"]
    await world.check_sums()


async def test_without_postgres_nothing_leaves_the_outbox(world, postgres_server):
    record = make_record()
    outbox_id = await world.settle(encode(record), now_ms() - 9_000)
    forged = signed(make_record()) | {"cost_usd": "0"}
    postgres_server.stop()
    with pytest.raises(DatabaseUnavailable):
        await asyncio.gather(
            world.post(signed(record, outbox_id), forged), drain(world.database, world.outbox)
        )
    assert await world.waiting() == [outbox_id]
    postgres_server.start()
    assert await world.post(signed(record, outbox_id)) == Posted(inserted=1)
    assert await world.waiting() == []


async def test_postgres_killed_in_mid_transaction_leaves_both_sides(
    world, postgres_server, monkeypatch
):
    record = make_record()
    outbox_id = await world.settle(encode(record))
    bounds = partitions.bounds

    async def killed(connection):
        found = await bounds(connection)
        postgres_server.kill()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(partitions, "bounds", killed)
        with pytest.raises(DatabaseUnavailable):
            await world.post(signed(record, outbox_id))
    assert await world.waiting() == [outbox_id]
    postgres_server.start()
    assert await world.ledger() == set()


async def test_redis_away_after_the_commit_and_the_replay_changes_nothing(world, redis_server):
    record = make_record()
    outbox_id = await world.settle(encode(record), now_ms() - 9_000)
    redis_server.stop()
    with pytest.raises(RedisUnavailable):
        await world.post(signed(record, outbox_id))
    assert await world.ledger() == {ulid_to_uuid(record.id)}
    redis_server.start()
    assert await world.waiting() == [outbox_id]
    assert await drain(world.database, world.outbox) == Posted(duplicate=1)
    assert await world.waiting() == []
    assert len(await world.ledger()) == 1
    await world.check_sums()


@pytest.mark.parametrize("months_ago", [None, 5])
async def test_the_month_of_a_record_is_made_when_it_is_missing(database, redis_url, months_ago):
    """Nothing yet, or cleanup has not run for months; several posters find out at once."""
    world = World(database, redis_url)
    if months_ago is not None:
        async with database.transaction() as connection:
            await partitions.ensure(connection, now_ms() - months_ago * 31 * 24 * 3600 * 1000)
    records = [make_record() for _ in range(4)]
    posted = await asyncio.gather(*(world.post(signed(record)) for record in records))
    assert posted == [Posted(inserted=1)] * 4
    assert await world.ledger() == {ulid_to_uuid(record.id) for record in records}
    await world.commands.close()


async def test_two_posters_with_overlapping_shuffled_batches(world, postgres_url, redis_url):
    """Many rounds at once, adjustments and bad records among them: no deadlock, sums right."""
    second = World(Database(postgres_url), redis_url)
    draw = random.Random(11)
    expected = set()
    try:
        for _ in range(20):
            records = [
                make_record(user_id=draw.choice("abc"), cost_usd=f"0.{draw.randrange(10**6):06d}")
                for _ in range(40)
            ]
            records += [make_adjustment(record) for record in records[:5]]
            expected |= {ulid_to_uuid(record.id) for record in records}
            bad = [make_record(occurred_at="noon") for _ in range(6)]
            batches = []
            for count in (45, 40, 30, 30):
                batch = [*draw.sample(records, count), *draw.sample(bad, draw.choice((0, 5)))]
                draw.shuffle(batch)
                batches.append([signed(record) for record in batch])
            await asyncio.gather(
                *((world, second)[n % 2].post(*batch) for n, batch in enumerate(batches))
            )
        assert await world.ledger() == expected
        assert len(await world.quarantine()) <= 6 * 20
        await world.check_sums()
    finally:
        await second.database.close()
        await second.commands.close()
