"""Both Redis clients when the server dies, stalls, loads, or may not write."""

import asyncio
import time

import pytest

from common.state.client import RedisPyCommands
from common.state.commands import RedisReplyError, RedisUnavailable, Script
from common.state.connection import MultiplexedConnection
from tests.support.redis_servers import TunedRedis

TIMEOUT_S = 1.5
# What a busy machine may add to a timeout before a test calls it a hang.
HANG_S = 60.0

both = pytest.mark.parametrize("kind", [MultiplexedConnection, RedisPyCommands])


@pytest.fixture(params=[MultiplexedConnection, RedisPyCommands])
async def commands(request, redis_url):
    commands = request.param.from_url(redis_url, timeout_ms=1500, connect_timeout_ms=1500)
    yield commands
    await commands.close()


@pytest.fixture(params=[MultiplexedConnection, RedisPyCommands])
async def patient(request, redis_url):
    """The same without a timeout that a busy machine could reach."""
    commands = request.param.from_url(redis_url, timeout_ms=9_000, connect_timeout_ms=9_000)
    yield commands
    await commands.close()


async def outcomes(calls):
    """Replies and errors; a call that hangs fails the test."""
    async with asyncio.timeout(HANG_S):
        return await asyncio.gather(*calls, return_exceptions=True)


async def eventually(call):
    """The first answer that is no `RedisUnavailable`."""
    async with asyncio.timeout(HANG_S):
        while True:
            try:
                return await call()
            except RedisUnavailable:
                await asyncio.sleep(0.02)


async def test_a_killed_server_fails_calls_and_a_started_one_serves_again(commands, redis_server):
    script = Script("add", "return redis.call('INCRBY', KEYS[1], ARGV[1])")
    await commands.script(script, ["before"], [1])
    redis_server.pause()  # so that the calls are surely in flight
    calls = [asyncio.ensure_future(commands.call("ECHO", n)) for n in range(200)]
    await asyncio.sleep(0.05)
    redis_server.kill()
    results = await outcomes(calls)
    assert {type(result) for result in results} == {RedisUnavailable}
    assert any(result.sent for result in results)
    refused = await outcomes([commands.call("PING") for _ in range(20)])
    assert {type(result) for result in refused} == {RedisUnavailable}
    assert not any(result.sent for result in refused)
    redis_server.start()
    assert await eventually(lambda: commands.script(script, ["after"], [7])) == 7
    assert await outcomes([commands.call("ECHO", n) for n in range(50)]) == [
        str(n).encode() for n in range(50)
    ]


async def until(holds):
    """What callers count is looked at, not waited for."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_server_killed_again_and_again_never_makes_replies_go_astray(
    commands, redis_server
):
    right, unavailable, stop = 0, 0, False

    async def caller(number):
        nonlocal right, unavailable
        turn = 0
        while not stop:
            turn += 1
            payload = f"{number}/{turn}".encode()
            try:
                assert await commands.call("ECHO", payload) == payload
                right += 1
            except RedisUnavailable:
                unavailable += 1
                await asyncio.sleep(0.005)

    callers = [asyncio.ensure_future(caller(number)) for number in range(50)]
    for _ in range(3):
        answered, refused = right, unavailable
        await until(lambda least=answered + 50: right >= least)
        await asyncio.to_thread(redis_server.kill)
        await until(lambda until_now=refused: unavailable > until_now)
        # From this thread: the server dies with the thread that started it.
        redis_server.start()
    before = right
    await eventually(lambda: commands.call("PING"))
    await until(lambda: right > before)
    stop = True
    assert [result for result in await outcomes(callers) if result is not None] == []


async def test_a_frozen_server_times_calls_out_and_thawed_answers_each_its_own(
    commands, redis_server
):
    assert await commands.call("PING") == b"PONG"
    redis_server.pause()
    try:
        began = time.monotonic()
        frozen = await outcomes([commands.call("ECHO", f"frozen {n}") for n in range(30)])
        assert time.monotonic() - began >= TIMEOUT_S * 0.9
        assert {type(result) for result in frozen} == {RedisUnavailable}
        late = [asyncio.ensure_future(commands.call("ECHO", f"late {n}")) for n in range(10)]
        await asyncio.sleep(0)
    finally:
        redis_server.resume()
    for number, result in enumerate(await outcomes(late)):
        assert result == f"late {number}".encode() or isinstance(result, RedisUnavailable)
    assert await outcomes([commands.call("ECHO", n) for n in range(100)]) == [
        str(n).encode() for n in range(100)
    ]


async def test_cancelled_calls_take_nobodys_reply(patient):
    async def maybe_cancelled(number):
        task = asyncio.ensure_future(patient.call("ECHO", number))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        if number % 3 == 0:
            task.cancel()
        return await task

    results = await outcomes([maybe_cancelled(number) for number in range(300)])
    for number, result in enumerate(results):
        right = result == str(number).encode()
        assert right or (number % 3 == 0 and isinstance(result, asyncio.CancelledError)), number
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) > 10


async def test_a_connection_the_server_closed_while_idle_is_replaced_unseen(commands, redis_url):
    other = MultiplexedConnection.from_url(redis_url)
    assert await commands.call("PING") == b"PONG"
    for _ in range(5):
        await other.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await asyncio.sleep(0.05)
        assert await commands.call("PING") == b"PONG"
    await other.close()


async def test_a_replica_is_unavailable_for_writing_and_did_nothing(commands, redis_server):
    script = Script("set", "return redis.call('SET', KEYS[1], 1)")
    await commands.script(script, ["before"], [])
    await commands.call("REPLICAOF", "127.0.0.1", "1")
    for call in (
        lambda: commands.call("SET", "a", 1),
        lambda: commands.script(script, ["a"], []),
    ):
        with pytest.raises(RedisUnavailable, match="READONLY") as caught:
            await call()
        assert not caught.value.sent
    await eventually(lambda: commands.call("REPLICAOF", "NO", "ONE"))
    assert await eventually(lambda: commands.call("EXISTS", "a")) == 0
    assert await eventually(lambda: commands.script(script, ["a"], [])) == b"OK"


async def test_a_replica_without_its_primary_is_unavailable(commands):
    await commands.call("CONFIG", "SET", "replica-serve-stale-data", "no")
    await commands.call("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(RedisUnavailable, match="MASTERDOWN"):
        await commands.call("GET", "a")
    await eventually(lambda: commands.call("REPLICAOF", "NO", "ONE"))
    await commands.call("CONFIG", "SET", "replica-serve-stale-data", "yes")


async def test_a_full_server_is_unavailable_for_writing(commands):
    script = Script("set", "return redis.call('SET', KEYS[1], 1)")
    await commands.call("CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(RedisUnavailable, match="OOM"):
            await commands.call("SET", "a", 1)
        with pytest.raises(RedisUnavailable, match="OOM"):
            await commands.script(script, ["a"], [])
    finally:
        await commands.call("CONFIG", "SET", "maxmemory", 0)
    assert await commands.call("EXISTS", "a") == 0


@both
async def test_a_loading_server_is_unavailable_and_then_serves(kind, tmp_path):
    # While it loads, Redis looks at its connections once every 2 MB.
    server = TunedRedis(tmp_path, "--rdbcompression", "no")
    server.start()
    commands = kind.from_url(server.url)
    await commands.call("SET", "mine", "kept")
    await commands.call("DEBUG", "POPULATE", 500, "filler", 100_000)
    await commands.call("BGREWRITEAOF")
    async with asyncio.timeout(HANG_S):
        while b"aof_rewrite_in_progress:1" in await commands.call(  # noqa: ASYNC110 - no event
            "INFO", "persistence"
        ):
            await asyncio.sleep(0.02)
    server.stop()
    server.options += ["--key-load-delay", "4000"]  # microseconds a key: two seconds
    # Not start(), which waits until it has loaded.
    process = await asyncio.create_subprocess_exec(*server.command_line())
    errors = []

    async def value():
        try:
            return await commands.call("GET", "mine")
        except RedisUnavailable as error:
            errors.append(error)
            raise

    try:
        assert await eventually(value) == b"kept"
        loading = [error for error in errors if "LOADING" in error.reason]
        assert loading
        assert not any(error.sent for error in loading)
    finally:
        await commands.close()
        process.kill()
        await process.wait()


async def test_close_lets_calls_in_flight_finish_and_refuses_new_ones(commands, redis_server):
    await commands.call("PING")
    redis_server.pause()
    calls = [asyncio.ensure_future(commands.call("ECHO", n)) for n in range(5)]
    await asyncio.sleep(0.05)
    closing = asyncio.ensure_future(commands.close())
    await asyncio.sleep(0.05)
    assert not closing.done()
    with pytest.raises(RedisUnavailable, match="closed") as caught:
        await commands.call("PING")
    assert not caught.value.sent
    redis_server.resume()
    assert await outcomes(calls) == [str(n).encode() for n in range(5)]
    await asyncio.wait_for(closing, HANG_S)
    await commands.close()  # twice is fine


async def test_closing_before_use_or_while_the_server_is_away_is_quick(commands, redis_server):
    redis_server.stop()
    results = await outcomes([commands.call("PING"), commands.close()])
    assert isinstance(results[0], RedisUnavailable)
    assert results[1] is None


@both
async def test_one_timeout_covers_waiting_connecting_and_the_call(kind):
    connections = 0

    async def silent(reader, writer):
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    commands = kind.from_url(f"redis://127.0.0.1:{port}", timeout_ms=200, connect_timeout_ms=200)
    results = await outcomes([commands.call("PING")])
    assert isinstance(results[0], RedisUnavailable)
    assert connections == 1  # there was no time for a second attempt
    await commands.close()
    server.close()


@both
async def test_too_many_calls_are_refused_not_queued(kind, redis_url, redis_server):
    commands = kind.from_url(redis_url, timeout_ms=400, pending_max=10)
    await commands.call("PING")
    redis_server.pause()
    try:
        results = await outcomes([commands.call("ECHO", n) for n in range(25)])
    finally:
        redis_server.resume()
    refused = [result for result in results if "overloaded" in str(result)]
    assert len(refused) == 15
    assert not any(error.sent for error in refused)
    assert await eventually(lambda: commands.call("PING")) == b"PONG"
    await commands.close()


async def test_a_wrong_call_is_no_outage(commands):
    with pytest.raises(RedisReplyError):
        await commands.call("SET", "a")
    assert await commands.call("PING") == b"PONG"
