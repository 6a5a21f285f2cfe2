"""Kept replies: a repeated call waits for the first, finds its reply, and later only its trace."""

import asyncio

from common.store import idempotency
from common.store.idempotency import KEPT_MINUTES, KeptReply, token_of

TOKEN = token_of("POST /internal/api-keys", "abc")
REPLY = KeptReply(request_digest=b"\0digest", subject_id="01K", status=201, body=b"\xffbody")


async def find(database, token: str = TOKEN) -> KeptReply | None:
    async with database.transaction() as connection:
        return await idempotency.find(connection, token)


async def keep(database, token: str = TOKEN, reply: KeptReply = REPLY) -> None:
    async with database.transaction() as connection:
        await idempotency.keep(connection, token, reply)


async def age(database, minutes: float) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE idempotent_replies SET created_at = created_at - %s * interval '1 minute'",
            [minutes],
        )


async def wipe(database) -> int:
    async with database.transaction() as connection:
        return await idempotency.wipe_old(connection)


def test_a_token_is_bound_to_its_route_and_tells_nothing():
    assert token_of("a", "key") != token_of("b", "key")
    assert "abc" not in TOKEN
    assert len(TOKEN) == 64


async def test_a_reply_is_found_under_its_token_only(database):
    assert await find(database) is None
    await keep(database)
    assert await find(database) == REPLY
    assert await find(database, token_of("POST /elsewhere", "abc")) is None


async def test_the_second_of_two_calls_at_once_waits_for_the_first(database):
    first_is_in = asyncio.Event()
    second_may_end = asyncio.Event()

    async def first() -> None:
        async with database.transaction() as connection:
            assert await idempotency.find(connection, TOKEN) is None
            first_is_in.set()
            await second_may_end.wait()
            await idempotency.keep(connection, TOKEN, REPLY)

    async def second() -> KeptReply | None:
        await first_is_in.wait()
        return await find(database)

    calls = asyncio.gather(first(), second())
    await first_is_in.wait()
    await wait_until_somebody_waits(database)
    second_may_end.set()
    assert await calls == [None, REPLY]


async def wait_until_somebody_waits(database) -> None:
    async with asyncio.timeout(10):
        while True:
            async with database.transaction() as connection:
                cursor = await connection.execute(
                    "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' "
                    "AND NOT granted AND database = "
                    "(SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                if (await cursor.fetchone())["n"]:
                    return


async def test_many_at_once_make_it_once(database):
    made = []

    async def call(number: int) -> None:
        async with database.transaction() as connection:
            if await idempotency.find(connection, TOKEN) is None:
                made.append(number)
                await idempotency.keep(connection, TOKEN, REPLY)

    await asyncio.gather(*(call(number) for number in range(20)))
    assert len(made) == 1


async def test_another_token_is_not_waited_for(database):
    async with database.transaction() as connection, asyncio.timeout(5):
        await idempotency.find(connection, TOKEN)
        assert await find(database, token_of("a", "other")) is None


async def test_a_call_that_failed_leaves_the_next_free(database):
    async def failing() -> None:
        async with database.transaction() as connection:
            await idempotency.find(connection, TOKEN)
            await idempotency.keep(connection, TOKEN, REPLY)
            raise ZeroDivisionError

    await asyncio.gather(failing(), return_exceptions=True)
    assert await find(database) is None


async def test_after_its_time_a_reply_has_no_body_but_is_still_there(database):
    trace = KeptReply(REPLY.request_digest, REPLY.subject_id, REPLY.status, None)
    await keep(database)
    await age(database, KEPT_MINUTES - 1)
    assert await find(database) == REPLY
    assert await wipe(database) == 0
    await age(database, 1)
    assert await find(database) == trace
    await keep(database, token_of("a", "young"))
    assert await wipe(database) == 1
    assert await wipe(database) == 0
    assert await find(database) == trace
    assert await find(database, token_of("a", "young")) == REPLY
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT count(*) AS n FROM idempotent_replies WHERE body IS NULL"
        )
        assert (await cursor.fetchone())["n"] == 1
