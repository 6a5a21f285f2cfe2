"""The pool when Postgres is away: one exception, soon, and well again by itself."""

import asyncio
import time

import psycopg
import pytest

from cli.dev.ports import free_port
from common.store.database import Database, DatabaseUnavailable

# A caller of `transaction` waits 3 s for one that is away. This tells that apart from the 30 s of a
# statement and from the minutes of TCP, on any machine.
SOON_S = 20


async def answer(database: Database) -> int:
    async with database.transaction() as connection:
        cursor = await connection.execute("SELECT 42 AS answer")
        return (await cursor.fetchone())["answer"]


async def make_table(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE kept (n int)")


async def rows_kept(database: Database) -> int:
    async with database.transaction() as connection:
        cursor = await connection.execute("SELECT count(*) AS n FROM kept")
        return (await cursor.fetchone())["n"]


async def test_a_transaction_commits_at_its_end_and_an_exception_undoes_it(database):
    async def insert_and(work) -> None:
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO kept VALUES (1)")
            work()

    await make_table(database)
    with pytest.raises(ZeroDivisionError):
        await insert_and(lambda: 1 / 0)
    assert await rows_kept(database) == 0
    await insert_and(lambda: None)
    assert await rows_kept(database) == 1


async def test_a_statement_that_is_wrong_is_not_an_absence(database):
    with pytest.raises(psycopg.DataError):
        async with database.transaction() as connection:
            await connection.execute("SELECT 1 / 0")
    assert await answer(database) == 42


async def test_sessions_are_in_utc_and_bounded(database):
    async with database.transaction() as connection:
        cursor = await connection.execute("SHOW timezone")
        assert await cursor.fetchone() == {"TimeZone": "UTC"}
        cursor = await connection.execute("SHOW statement_timeout")
        assert await cursor.fetchone() == {"statement_timeout": "30s"}


async def test_more_callers_than_connections_wait_for_their_turn(postgres_url):
    database = Database(postgres_url, connections_max=2)
    try:
        assert await asyncio.gather(*(answer(database) for _ in range(40))) == [42] * 40
    finally:
        await database.close()


async def test_a_server_that_never_was_is_said_soon():
    database = Database(f"postgresql://nobody:secret@127.0.0.1:{free_port()}/relay")
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="Postgres cannot be reached") as caught:
        await answer(database)
    assert time.monotonic() - started < SOON_S
    assert "secret" not in str(caught.value)
    await database.close()


async def test_stopped_then_started_it_recovers_by_itself(database, postgres_server):
    assert await answer(database) == 42
    postgres_server.stop()
    started = time.monotonic()
    for outcome in await asyncio.gather(
        *(answer(database) for _ in range(10)), return_exceptions=True
    ):
        assert isinstance(outcome, DatabaseUnavailable)
    assert time.monotonic() - started < SOON_S
    postgres_server.start()
    assert await asyncio.gather(*(answer(database) for _ in range(20))) == [42] * 20


async def test_killed_in_the_middle_of_a_transaction(database, postgres_server):
    async def insert_twice() -> None:
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO kept VALUES (1)")
            postgres_server.kill()
            await connection.execute("INSERT INTO kept VALUES (2)")

    await make_table(database)
    with pytest.raises(DatabaseUnavailable, match="Postgres cannot be asked: "):
        await insert_twice()
    postgres_server.start()
    assert await rows_kept(database) == 0


async def test_restarted_between_two_transactions_nobody_notices(database, postgres_server):
    assert await asyncio.gather(*(answer(database) for _ in range(8))) == [42] * 8
    postgres_server.stop()
    postgres_server.start()
    assert await asyncio.gather(*(answer(database) for _ in range(8))) == [42] * 8


async def test_a_frozen_server_is_said_soon(database, postgres_server, postgres_url):
    """Nothing answers, connections stay open: the worst of absences."""
    assert await answer(database) == 42
    postgres_server.pause()
    fresh = Database(postgres_url)
    started = time.monotonic()
    try:
        with pytest.raises(DatabaseUnavailable):
            await answer(fresh)
        assert time.monotonic() - started < SOON_S
    finally:
        postgres_server.resume()
        await fresh.close()


async def test_without_the_schema_it_says_what_to_run(empty_database_url):
    database = Database(empty_database_url)
    with pytest.raises(DatabaseUnavailable, match="run `relayctl migrate`"):
        async with database.transaction() as connection:
            await connection.execute("SELECT * FROM api_keys")
    with pytest.raises(DatabaseUnavailable, match=r"no_such.*run `relayctl migrate`"):
        async with database.transaction() as connection:
            await connection.execute("SELECT no_such FROM pg_class")
    await database.close()


async def test_after_close_it_opens_anew(database):
    assert await answer(database) == 42
    await database.close()
    await database.close()
    assert await answer(database) == 42
