"""A pool on a fresh database, with the partitions of the months around now."""

import pytest

from common.identifiers import now_ms
from common.store import partitions
from common.store.database import Database


@pytest.fixture
async def database(postgres_url):
    database = Database(postgres_url)
    yield database
    await database.close()


@pytest.fixture
async def ledger_database(database):
    async with database.transaction() as connection:
        await partitions.ensure(connection, now_ms())
    return database
