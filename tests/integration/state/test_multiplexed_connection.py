"""What only the multiplexed connection promises: one connection, one write, order, back-off."""

import asyncio
import contextlib
import gc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.state import link
from common.state.commands import RedisUnavailable, Script
from common.state.connection import BACK_OFF_S_MAX, MultiplexedConnection
from tests.support.redis_servers import TunedRedis, proxied

HANG_S = 60.0


@pytest.fixture
async def connection(redis_url):
    connection = MultiplexedConnection.from_url(redis_url, timeout_ms=1500, connect_timeout_ms=1500)
    yield connection
    await connection.close()


@contextlib.asynccontextmanager
async def odd_server(serve):
    """Something on a port that is no Redis, or none that is well."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def outcomes(calls):
    async with asyncio.timeout(HANG_S):
        return await asyncio.gather(*calls, return_exceptions=True)


async def test_callers_share_one_connection_and_one_write_a_tick(redis_url):
    async with proxied(redis_url) as proxy:
        connection = MultiplexedConnection.from_url(proxy.url)
        assert not connection.connected
        await asyncio.gather(*[connection.call("ECHO", n) for n in range(100)])
        assert connection.connected
        proxy.chunks.clear()
        await asyncio.gather(*[connection.call("ECHO", n) for n in range(100)])
        assert proxy.connections == 1
        assert len(proxy.chunks) == 1
        assert proxy.chunks[0].count(b"ECHO") == 100
        await connection.close()


async def test_a_missing_script_is_loaded_once_for_all_who_miss_it(redis_url):
    script = Script("one", "return 1")
    async with proxied(redis_url) as proxy:
        connection = MultiplexedConnection.from_url(proxy.url)
        await connection.call("PING")
        assert await asyncio.gather(*[connection.script(script, [], []) for _ in range(50)]) == (
            [1] * 50
        )
        assert b"".join(proxy.chunks).count(b"LOAD") == 1
        await connection.close()


@settings(suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),  # turns of the loop before the call
            st.integers(-1, 6),  # turns until it is cancelled; -1 = never
            st.sampled_from([0, 1, 100, 20_000]),  # size of its payload
        ),
        max_size=60,
    )
)
def test_whoever_calls_and_cancels_when_everybody_gets_their_own_reply(redis_url, plan):
    async def one(connection, number, before, until_cancelled, size):
        payload = f"{number}:".encode() + b"x" * size
        for _ in range(before):
            await asyncio.sleep(0)
        call = asyncio.ensure_future(connection.call("ECHO", payload))
        if until_cancelled >= 0:
            for _ in range(until_cancelled):
                await asyncio.sleep(0)
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert await call == payload
        else:
            assert await call == payload

    async def run():
        connection = MultiplexedConnection.from_url(redis_url)
        await asyncio.gather(*[one(connection, number, *step) for number, step in enumerate(plan)])
        assert await connection.call("ECHO", "last") == b"last"
        await connection.close()

    asyncio.run(run())


async def test_late_replies_of_timed_out_calls_go_to_nobody(connection, redis_server):
    await connection.call("PING")
    redis_server.pause()
    first = await outcomes([connection.call("ECHO", f"first {n}") for n in range(5)])
    assert {type(error) for error in first} == {RedisUnavailable}
    assert all(error.sent and "1500 ms" in error.reason for error in first)
    assert connection.connected  # silent, but not for long enough to give it up
    second = [asyncio.ensure_future(connection.call("ECHO", f"second {n}")) for n in range(5)]
    await asyncio.sleep(0.05)
    redis_server.resume()
    assert await outcomes(second) == [f"second {n}".encode() for n in range(5)]


async def test_a_connection_silent_for_too_long_is_dropped_then_replaced(connection, redis_server):
    await connection.call("PING")
    redis_server.pause()
    try:
        async with asyncio.timeout(HANG_S):
            while connection.connected:
                await outcomes([connection.call("PING")])
    finally:
        redis_server.resume()
    async with asyncio.timeout(HANG_S):
        while True:
            with contextlib.suppress(RedisUnavailable):
                assert await connection.call("ECHO", "again") == b"again"
                break
            await asyncio.sleep(0.02)


async def test_an_answer_that_keeps_coming_is_not_silence(redis_url):
    async def slow(reader, writer):
        await reader.readuntil(b"relay\r\n")
        writer.write(b"+OK\r\n")
        await reader.readuntil(b"large\r\n")
        writer.write(b"$1000000\r\n")
        for _ in range(50):  # at least 0.5 s, with a timeout of 0.1
            writer.write(b"x" * 20_000)
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(b"\r\n")
        with contextlib.suppress(asyncio.IncompleteReadError):
            while payload := await reader.readuntil(b"last\r\n"):
                writer.write(b"$4\r\nlast\r\n" * payload.count(b"ECHO"))

    async with odd_server(slow) as url:
        connection = MultiplexedConnection.from_url(url, timeout_ms=100)
        with pytest.raises(RedisUnavailable, match="no answer within 100 ms"):
            await connection.call("GET", "large")
        await asyncio.sleep(0.3)
        assert connection.connected
        async with asyncio.timeout(HANG_S):
            while True:
                with contextlib.suppress(RedisUnavailable):
                    assert await connection.call("ECHO", "last") == b"last"
                    break
        await connection.close()


async def test_what_was_never_written_is_repeated_on_a_new_connection(redis_url, redis_server):
    connection = MultiplexedConnection.from_url(redis_url, timeout_ms=8000)
    await connection.call("PING")
    redis_server.pause()
    # The socket takes in some of this, the transport the rest of one write; then it pauses.
    block = b"x" * 8_000_000
    stuck = asyncio.ensure_future(connection.call("SET", "large", block))
    await asyncio.sleep(0.05)
    waiting = [asyncio.ensure_future(connection.call("INCR", f"n{n}")) for n in range(20)]
    await asyncio.sleep(0.05)
    redis_server.kill()
    redis_server.start()
    lost = (await outcomes([stuck]))[0]
    assert isinstance(lost, RedisUnavailable)
    assert lost.sent
    assert await outcomes(waiting) == [1] * 20  # executed, each once
    await connection.close()


async def test_a_call_timed_out_before_it_was_written_is_not_executed(connection, redis_server):
    await connection.call("PING")
    redis_server.pause()
    stuck = asyncio.ensure_future(connection.call("SET", "large", b"x" * 8_000_000))
    await asyncio.sleep(0.05)
    waiting = (await outcomes([connection.call("INCR", "n")]))[0]
    assert isinstance(waiting, RedisUnavailable)
    assert not waiting.sent
    redis_server.resume()
    await outcomes([stuck])
    async with asyncio.timeout(HANG_S):
        while True:
            with contextlib.suppress(RedisUnavailable):
                assert await connection.call("EXISTS", "n") == 0
                break


async def test_what_waited_for_a_slow_reader_is_written_when_it_reads_again(
    redis_url, redis_server
):
    connection = MultiplexedConnection.from_url(redis_url, timeout_ms=8000)
    await connection.call("PING")
    redis_server.pause()
    stuck = asyncio.ensure_future(connection.call("ECHO", b"x" * 8_000_000))
    await asyncio.sleep(0.05)
    waiting = [asyncio.ensure_future(connection.call("ECHO", n)) for n in range(20)]
    await asyncio.sleep(0.05)
    redis_server.resume()
    assert await outcomes(waiting) == [str(n).encode() for n in range(20)]
    assert await stuck == b"x" * 8_000_000
    await connection.close()


async def test_bytes_that_wait_to_be_written_are_bounded(connection, redis_server, monkeypatch):
    monkeypatch.setattr(link, "UNWRITTEN_BYTES_MAX", 1_000_000)
    await connection.call("PING")
    redis_server.pause()
    try:
        calls = [connection.call("SET", f"k{n}", b"x" * 400_000) for n in range(40)]
        results = await outcomes(calls)
    finally:
        redis_server.resume()
    refused = [error for error in results if "overloaded" in str(error)]
    assert len(refused) == 37  # three reach the limit
    assert not any(error.sent for error in refused)


async def test_while_redis_is_down_calls_fail_at_once_and_few_connect():
    attempts = 0

    async def hang_up(reader, writer):
        nonlocal attempts
        attempts += 1
        writer.close()

    async with odd_server(hang_up) as url:
        connection = MultiplexedConnection.from_url(url)
        results = await outcomes([connection.call("PING") for _ in range(100)])
        assert attempts == 1  # shared
        assert {type(result) for result in results} == {RedisUnavailable}
        assert not any(result.sent for result in results)
        assert len({id(result) for result in results}) == 100  # each its own traceback
        ends = asyncio.get_running_loop().time() + 2 * BACK_OFF_S_MAX
        calls = 0
        while asyncio.get_running_loop().time() < ends:
            await outcomes([connection.call("PING")])
            calls += 1
            await asyncio.sleep(0.002)
        assert calls > 50
        assert 2 <= attempts <= 10  # 0.05, 0.1, 0.2, 0.4, 0.8, 1 s…, less up to half as jitter
        await connection.close()


async def test_no_connection_is_made_before_its_time_is_over(redis_url):
    release = asyncio.Event()

    async def silent(reader, writer):
        await release.wait()
        writer.close()

    async with odd_server(silent) as url:
        patient = MultiplexedConnection.from_url(url, timeout_ms=5000, connect_timeout_ms=100)
        hasty = MultiplexedConnection.from_url(url, timeout_ms=100, connect_timeout_ms=5000)
        for connection, text in ((patient, "no connection within 100 ms"), (hasty, "in time")):
            result = (await outcomes([connection.call("PING")]))[0]
            assert isinstance(result, RedisUnavailable)
            assert text in result.reason
            assert not result.sent
            await asyncio.wait_for(connection.close(), HANG_S)
        release.set()


async def test_cancelling_who_asked_first_does_not_disconnect_the_others(connection):
    first = asyncio.ensure_future(connection.call("ECHO", 1))
    second = asyncio.ensure_future(connection.call("ECHO", 2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"2"
    assert first.cancelled()


async def test_what_is_no_redis_is_said():
    async def http(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.close()

    async def talkative(reader, writer):
        writer.write(b"+OK\r\n" * 100)
        await asyncio.sleep(0.1)
        writer.close()

    for serve, text in ((http, "does not speak the Redis protocol"), (talkative, "unasked")):
        async with odd_server(serve) as url:
            connection = MultiplexedConnection.from_url(url)
            result = (await outcomes([connection.call("PING")]))[0]
            assert isinstance(result, RedisUnavailable)
            assert text in result.reason
            await connection.close()


async def test_a_server_with_too_many_clients_says_so(tmp_path):
    with TunedRedis(tmp_path, "--maxclients", "1") as server:
        first = MultiplexedConnection.from_url(server.url)
        second = MultiplexedConnection.from_url(server.url)
        async with asyncio.timeout(HANG_S):
            while not first.connected:  # the server may still hold the connection of `start`
                with contextlib.suppress(RedisUnavailable):
                    await first.call("PING")
        with pytest.raises(RedisUnavailable, match="max number of clients") as caught:
            await second.call("PING")
        assert not caught.value.sent
        await first.close()
        await second.close()


async def test_after_a_failover_the_connection_looks_for_the_new_primary(redis_url):
    async with proxied(redis_url) as proxy:  # the name that leads to the primary
        connection = MultiplexedConnection.from_url(proxy.url)
        admin = MultiplexedConnection.from_url(redis_url)
        await connection.call("SET", "large", b"x" * 5_000_000)
        await admin.call("REPLICAOF", "127.0.0.1", "1")
        results = await outcomes([connection.call("SET", "a", 1), connection.call("GET", "large")])
        assert "READONLY" in str(results[0])
        assert results[1] == b"x" * 5_000_000  # what was in flight is still answered
        assert not connection.connected
        await admin.call("REPLICAOF", "NO", "ONE")
        async with asyncio.timeout(HANG_S):
            while True:
                with contextlib.suppress(RedisUnavailable):
                    assert await connection.call("SET", "a", 1) == b"OK"
                    break
                await asyncio.sleep(0.02)
        assert proxy.connections >= 2
        await connection.close()
        await admin.close()


async def test_nothing_is_left_behind(redis_url, recwarn):
    gc.collect()
    recwarn.clear()  # what other tests left
    connection = MultiplexedConnection.from_url(redis_url)
    await asyncio.gather(*[connection.call("ECHO", n) for n in range(10)])
    await connection.close()
    assert len(asyncio.all_tasks()) == 1
    del connection
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []
