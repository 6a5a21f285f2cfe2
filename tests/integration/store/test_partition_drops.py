"""Dropping months of the ledger: the oldest first, with its row, and only what is old enough."""

from datetime import UTC, datetime

import pytest

from common.domain.ids import first_ulid, ulid_to_uuid
from common.store import ledger, partitions
from common.store.database import Database
from tests.support.usage_records import make_record, ulid_at

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 31, 23, 59, 59, 999_000, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@pytest.fixture
async def months(database):
    async with database.transaction() as connection:
        await partitions.ensure(connection, ms(NOW))
        records = [make_record(id=ulid_at(moment)) for moment in (OCTOBER, NOVEMBER)]
        await ledger.insert(connection, records)
    return database


async def drop(database, *before: int) -> str | None:
    async with database.transaction() as connection:
        return await partitions.drop_oldest(connection, datetime(*before, tzinfo=UTC))


async def rows(database, statement: str) -> list:
    async with database.transaction() as connection:
        found = await (await connection.execute(statement)).fetchall()
    return [value for row in found for value in row.values()]


async def names(database) -> list[str]:
    return await rows(database, "SELECT name FROM ledger_partitions ORDER BY 1")


async def test_a_month_goes_when_it_has_ended_by_then_and_not_a_moment_before(months):
    assert await drop(months, 2026, 10, 31, 23, 59, 59) is None
    assert await drop(months, 2026, 11, 1) == "ledger_2026_10"
    assert await drop(months, 2026, 11, 30) is None
    assert await rows(months, "SELECT to_regclass('ledger_2026_10')") == [None]
    assert len(await names(months)) == 4
    assert await rows(months, "SELECT count(*) FROM ledger") == [1]
    assert await rows(months, "SELECT sum(requests)::int FROM usage_rollups") == [2]


async def test_the_oldest_goes_first_and_the_newest_never(months):
    dropped = [await drop(months, 2030, 1, 1) for _ in range(6)]
    assert dropped == [f"ledger_2026_{month}" for month in (10, 11, 12)] + [
        "ledger_2027_01",
        None,
        None,
    ]
    assert await names(months) == ["ledger_2027_02"]
    async with months.transaction() as connection:
        assert await partitions.ensure(connection, ms(datetime(2027, 2, 10, tzinfo=UTC))) == 3
    # January is last month, and is not made again.
    assert "ledger_2027_01" not in await names(months)


async def test_what_is_counted_is_what_is_dropped(months):
    async with months.transaction() as connection:
        counted = await partitions.ended(connection, datetime(2026, 12, 1, tzinfo=UTC))
    assert counted == ["ledger_2026_10", "ledger_2026_11"]
    assert [await drop(months, 2026, 12, 1) for _ in range(3)] == [*counted, None]


async def test_a_partition_with_newer_ids_than_its_row_says_is_never_dropped(months):
    """As when somebody has changed the row, or attached the table with other bounds."""
    async with months.transaction() as connection:
        await connection.execute(
            "UPDATE ledger_partitions SET until_id = %s WHERE name = 'ledger_2026_11'",
            [ulid_to_uuid(first_ulid(ms(NOVEMBER) + 1))],
        )
        await connection.execute("DELETE FROM ledger_partitions WHERE name = 'ledger_2026_10'")
        record = make_record(id=ulid_at(datetime(2026, 11, 5, tzinfo=UTC)))
        await ledger.insert(connection, [record])
    with pytest.raises(partitions.PartitionHasNewer, match="ledger_2026_11"):
        await drop(months, 2026, 11, 5)
    assert "ledger_2026_11" in await names(months)
    assert await rows(months, "SELECT count(*) FROM ledger") == [3]


async def test_a_table_that_was_taken_out_of_the_ledger_is_left_alone(months):
    async with months.transaction() as connection:
        await connection.execute("ALTER TABLE ledger DETACH PARTITION ledger_2026_10")
    assert await drop(months, 2026, 11, 1) == "ledger_2026_10"
    assert await rows(months, "SELECT count(*) FROM ledger_2026_10") == [1]
    assert "ledger_2026_10" not in await names(months)


@pytest.mark.parametrize("statement", ["SELECT count(*) FROM ledger", "LOCK TABLE ledger"])
async def test_who_reads_or_writes_is_not_waited_for_long(months, postgres_url, statement):
    other = Database(postgres_url)
    try:
        async with other.transaction() as connection:
            await connection.execute(statement)
            with pytest.raises(partitions.PartitionBusy):
                await drop(months, 2026, 11, 1)
        assert await drop(months, 2026, 11, 1) == "ledger_2026_10"
    finally:
        await other.close()


async def test_a_posting_that_saw_the_month_before_it_went_is_refused(months, postgres_url):
    other = Database(postgres_url)
    try:
        async with other.transaction() as posting:
            record = make_record(id=ulid_at(OCTOBER))
            bounds = await partitions.bounds(posting)
            assert bounds.hold(ulid_to_uuid(record.id))
            assert await drop(months, 2026, 11, 1) == "ledger_2026_10"
            with pytest.raises(ledger.REFUSALS):
                async with posting.transaction():
                    await ledger.insert(posting, [record])
    finally:
        await other.close()
    assert await rows(months, "SELECT sum(requests)::int FROM usage_rollups") == [2]
