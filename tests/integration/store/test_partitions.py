"""The ledger's partitions: a month each, ready before they are needed, never made anew."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from common.domain.ids import first_ulid, ulid_to_uuid
from common.store import ledger, partitions
from common.store.database import Database
from tests.support.usage_records import make_record, ulid_at


def ms(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1000)


async def ensure(database, *date: int) -> int:
    async with database.transaction() as connection:
        return await partitions.ensure(connection, ms(*date))


async def names(database) -> list[str]:
    """As the catalogue has them, which is as the table of partitions does."""
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits "
            "WHERE inhparent = 'ledger'::regclass ORDER BY 1"
        )
        catalogue = [row["name"] for row in await cursor.fetchall()]
        cursor = await connection.execute("SELECT name FROM ledger_partitions ORDER BY 1")
        assert catalogue == [row["name"] for row in await cursor.fetchall()]
    return catalogue


async def drop(database, name: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(f"DROP TABLE {name}")
        await connection.execute("DELETE FROM ledger_partitions WHERE name = %s", [name])


async def test_at_first_from_the_last_month_to_three_ahead_over_the_year(database):
    assert await ensure(database, 2026, 12, 31, 23, 59, 59) == 5
    months = ["2026_11", "2026_12", "2027_01", "2027_02", "2027_03"]
    assert await names(database) == [f"ledger_{month}" for month in months]
    assert await ensure(database, 2026, 12, 31, 23, 59, 59) == 0
    assert await ensure(database, 2027, 1, 1) == 1
    assert (await names(database))[-1] == "ledger_2027_04"


async def test_in_january_the_last_month_is_of_the_last_year(database):
    await ensure(database, 2027, 1, 1)
    assert (await names(database))[0] == "ledger_2026_12"


async def test_later_never_backwards(database):
    await ensure(database, 2026, 11, 24)
    await drop(database, "ledger_2026_10")
    assert await ensure(database, 2026, 11, 25) == 0
    assert await ensure(database, 2026, 12, 1) == 1
    assert "ledger_2026_10" not in await names(database)


async def test_after_a_long_pause_no_month_is_missing_between(database):
    await ensure(database, 2026, 1, 15)
    assert await ensure(database, 2026, 11, 24) == 10
    months = [f"ledger_2026_{month:02}" for month in range(1, 13)]
    assert await names(database) == ["ledger_2025_12", *months, "ledger_2027_01", "ledger_2027_02"]


async def test_bounds_hold_exactly_what_the_partitions_take(database):
    async with database.transaction() as connection:
        assert await partitions.bounds(connection) is None
    await ensure(database, 2026, 11, 24)
    async with database.transaction() as connection:
        bounds = await partitions.bounds(connection)
    first, past = (ulid_to_uuid(first_ulid(ms(*date))) for date in ((2026, 10, 1), (2027, 3, 1)))
    assert (bounds.since, bounds.until) == (first, past)
    assert bounds.hold(first)
    assert not bounds.hold(past)


async def test_every_month_takes_its_first_and_last_millisecond(database):
    await ensure(database, 2026, 11, 24)
    edges = [datetime(2026, month, 1, tzinfo=UTC) for month in (10, 11, 12)]
    edges += [datetime(2027, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
    moments = edges[:-1] + [edge - timedelta(milliseconds=1) for edge in edges[1:]]
    async with database.transaction() as connection:
        await ledger.insert(connection, [make_record(id=ulid_at(moment)) for moment in moments])
        cursor = await connection.execute(
            "SELECT tableoid::regclass::text AS name, count(*) AS n FROM ledger GROUP BY 1"
        )
        counts = {row["name"]: row["n"] for row in await cursor.fetchall()}
    assert counts == dict.fromkeys(await names(database), 2)


async def test_two_at_once_make_each_once(database):
    made = await asyncio.gather(*(ensure(database, 2026, 11, 24) for _ in range(4)))
    assert sorted(made) == [0, 0, 0, 5]
    assert len(await names(database)) == 5


async def test_a_partition_has_the_ledgers_indexes_and_rules(database):
    await ensure(database, 2026, 11, 24)
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT count(*) AS n FROM pg_index WHERE indrelid = 'ledger_2026_11'::regclass"
        )
        found = (await cursor.fetchone())["n"]
        cursor = await connection.execute(
            "SELECT count(*) AS n FROM pg_index WHERE indrelid = 'ledger'::regclass"
        )
        assert found == (await cursor.fetchone())["n"] == 11
        record = make_record(id=ulid_at(datetime(2026, 11, 24, tzinfo=UTC)))
        assert len(await ledger.insert(connection, [record])) == 1
        assert await ledger.insert(connection, [record]) == []
        cursor = await connection.execute("SELECT posted_at FROM ledger_2026_11")
        assert (await cursor.fetchone())["posted_at"] is not None


@pytest.mark.parametrize("writer_first", [True, False])
async def test_making_partitions_and_writing_records_never_wait_for_each_other(
    database, postgres_url, writer_first
):
    """Both in transactions of their own, open at once."""
    await ensure(database, 2026, 11, 24)
    record = make_record(id=ulid_at(datetime(2026, 11, 24, tzinfo=UTC)))
    other = Database(postgres_url)
    try:
        async with database.transaction() as one, other.transaction() as two:
            for connection in (one, two):
                await connection.execute("SET LOCAL lock_timeout = 500")
            if writer_first:
                await ledger.insert(one, [record])
                assert await partitions.ensure(two, ms(2026, 12, 1)) == 1
            else:
                assert await partitions.ensure(two, ms(2026, 12, 1)) == 1
                await ledger.insert(one, [record])
    finally:
        await other.close()
    assert len(await names(database)) == 6
