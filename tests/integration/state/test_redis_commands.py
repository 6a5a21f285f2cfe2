"""What both Redis clients promise, against a real server: replies, scripts, errors, addresses."""

import asyncio
import random
import secrets
import ssl

import pytest

from common.state.client import RedisPyCommands
from common.state.commands import RedisReplyError, RedisUnavailable, Script
from common.state.connection import MultiplexedConnection
from tests.support.redis_servers import TunedRedis, proxied, self_signed

LARGE = 5 * 1024 * 1024

both = pytest.mark.parametrize("kind", [MultiplexedConnection, RedisPyCommands])


@pytest.fixture(params=[MultiplexedConnection, RedisPyCommands])
async def commands(request, redis_url):
    # Long, since these tests are about replies, and machines may be busy.
    commands = request.param.from_url(redis_url, timeout_ms=60_000, connect_timeout_ms=30_000)
    yield commands
    await commands.close()


async def test_replies_have_the_same_types_in_both(commands):
    assert await commands.call("PING") == b"PONG"
    assert await commands.call("SET", "a", "ü") == b"OK"
    assert await commands.call("GET", b"a") == "ü".encode()
    assert await commands.call("GET", "none") is None
    assert await commands.call("INCRBY", "n", -7) == -7
    assert await commands.call("GET", "n") == b"-7"
    assert await commands.call("HSET", "h", "f", b"\x00\xff\r\n", "g", "") == 2
    assert await commands.call("HGETALL", "h") == [b"f", b"\x00\xff\r\n", b"g", b""]
    assert await commands.call("SMEMBERS", "none") == []
    assert await commands.call("EXISTS", "a") == 1
    entry_id = await commands.call("XADD", "s", "*", "r", "1")
    assert await commands.call("XRANGE", "s", "-", "+") == [[entry_id, [b"r", b"1"]]]


async def test_arrays_nest_and_carry_errors_in_their_place(commands):
    script = Script("nested", "return {1, {2, {}, {'x', false}}, redis.error_reply('MINE no')}")
    reply = await commands.script(script, [], [])
    assert reply[:2] == [1, [2, [], [b"x", None]]]
    assert isinstance(reply[2], RedisReplyError)
    assert (str(reply[2]), reply[2].code) == ("MINE no", "MINE")


async def test_a_thousand_interleaved_calls_each_get_their_own_reply(commands):
    async def echo(number):
        payload = f"{number}:" + "x" * random.Random(number).choice([0, 10, 3000])
        await asyncio.sleep(random.Random(number).random() * 0.05)
        assert await commands.call("ECHO", payload) == payload.encode()
        assert await commands.call("INCRBY", f"n{number}", number) == number
        return number

    assert await asyncio.gather(*map(echo, range(1000))) == list(range(1000))


async def test_large_replies_arrive_whole_between_small_ones(commands):
    values = [secrets.token_bytes(LARGE) for _ in range(3)]
    for number, value in enumerate(values):
        await commands.call("SET", f"large{number}", value)
    replies = await asyncio.gather(
        *[
            commands.call("GET", f"large{n % 3}") if n % 2 else commands.call("ECHO", n)
            for n in range(12)
        ]
    )
    for number, reply in enumerate(replies):
        assert reply == (values[number % 3] if number % 2 else str(number).encode())


async def test_an_error_reply_is_the_callers_alone(commands):
    await commands.call("SET", "text", "x")
    replies = await asyncio.gather(
        commands.call("ECHO", 1),
        commands.call("LPUSH", "text", 1),
        commands.call("ECHO", 2),
        return_exceptions=True,
    )
    assert (replies[0], replies[2]) == (b"1", b"2")
    assert isinstance(replies[1], RedisReplyError)
    assert replies[1].code == "WRONGTYPE"
    assert str(replies[1]).startswith("WRONGTYPE Operation against a key")
    with pytest.raises(RedisReplyError, match=r"^ERR unknown command"):
        await commands.call("NO-SUCH-COMMAND")
    with pytest.raises(TypeError):
        await commands.call("ECHO", None)
    assert await commands.call("PING") == b"PONG"


async def test_a_script_runs_after_a_flush_and_after_a_restart(commands, redis_server):
    script = Script("add", "return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert await commands.script(script, ["n"], [2]) == 2
    await commands.call("SCRIPT", "FLUSH")
    totals = await asyncio.gather(*[commands.script(script, ["n"], [1]) for _ in range(100)])
    assert sorted(totals) == list(range(3, 103))  # each exactly once
    redis_server.stop()
    redis_server.start()
    assert await eventually(lambda: commands.script(script, ["n"], [1])) == 103


async def test_a_script_that_cannot_be_compiled_is_the_callers_error(commands):
    with pytest.raises(RedisReplyError, match="Error compiling script"):
        await commands.script(Script("broken", "return ("), [], [])


@both
async def test_a_wrong_password_is_said_without_it(kind, redis_server):
    before, _, after = redis_server.url.rpartition("@")
    for wrong in ("redis://:wr0ng-secret@", "redis://me:wr0ng-secret@", "redis://"):
        commands = kind.from_url(wrong + after)
        with pytest.raises(RedisUnavailable) as caught:
            await commands.call("PING")
        assert not caught.value.sent
        assert "password" in str(caught.value).lower() or "NOAUTH" in str(caught.value)
        assert "wr0ng" not in repr(caught.value) + repr(commands)
        await commands.close()
    assert before  # the right one has a password


@both
async def test_a_user_name_and_password_with_any_characters_log_in(kind, redis_url, redis_server):
    admin = kind.from_url(redis_url)
    await admin.call("ACL", "SETUSER", "al@ice", "on", ">p:a/s?s %", "~*", "+@all")
    _, _, after = redis_url.rpartition("@")
    alice = kind.from_url(f"redis://al%40ice:p%3Aa%2Fs%3Fs%20%25@{after}")
    assert await alice.call("ACL", "WHOAMI") == b"al@ice"
    await admin.call("ACL", "DELUSER", "al@ice")
    await alice.close()
    await admin.close()


@both
async def test_a_database_is_selected_or_refused_by_number(kind, redis_url):
    zero, three = kind.from_url(redis_url), kind.from_url(redis_url[:-1] + "3")
    await three.call("SET", "only-in-3", 1)
    assert await zero.call("EXISTS", "only-in-3") == 0
    assert await three.call("EXISTS", "only-in-3") == 1
    none = kind.from_url(redis_url[:-1] + "99")
    with pytest.raises(RedisUnavailable, match=r"DB index is out of range"):
        await none.call("PING")
    for commands in (zero, three, none):
        await commands.close()


@both
async def test_clients_say_who_they_are(kind, redis_url):
    commands = kind.from_url(redis_url)
    assert await commands.call("CLIENT", "GETNAME") == b"relay"
    await commands.close()


@both
async def test_a_unix_socket_serves(kind, tmp_path):
    with TunedRedis(tmp_path, "--unixsocket", str(tmp_path / "r.sock")) as server:
        password = server.url.partition(":")[2].partition("@")[0].removeprefix("//:")
        commands = kind.from_url(f"unix://:{password}@{tmp_path}/r.sock?db=1")
        assert await commands.call("SET", "a", 1) == b"OK"
        assert b"db=1" in await commands.call("CLIENT", "LIST")
        await commands.close()


@both
async def test_tls_serves_whom_it_can_verify(kind, tmp_path, redis_url):
    # No redis-server at hand is built with TLS: a proxy terminates it, as stunnel would.
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with proxied(redis_url, context) as proxy:
        for query in (f"ssl_ca_certs={certificate}", "ssl_cert_reqs=none"):
            commands = kind.from_url(f"{proxy.url}?{query}")
            value = secrets.token_bytes(LARGE)
            assert await commands.call("SET", "a", value) == b"OK"
            assert await commands.call("GET", "a") == value
            await commands.close()
        other, _ = self_signed(tmp_path, "other.example")
        for query in ("", f"?ssl_ca_certs={other}"):
            commands = kind.from_url(proxy.url + query)
            with pytest.raises(RedisUnavailable, match=r"(?i)certificate"):
                await commands.call("PING")
            await commands.close()


@both
async def test_a_name_that_the_certificate_does_not_have_is_refused(kind, tmp_path, redis_url):
    certificate, key = self_signed(tmp_path, "other.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with proxied(redis_url, context) as proxy:
        url = f"{proxy.url}?ssl_ca_certs={certificate}"
        strict, lax = kind.from_url(url), kind.from_url(f"{url}&ssl_check_hostname=false")
        with pytest.raises(RedisUnavailable, match=r"(?i)certificate"):
            await strict.call("PING")
        assert await lax.call("PING") == b"PONG"
        await strict.close()
        await lax.close()


@both
async def test_a_missing_ca_file_is_unavailable_not_a_crash(kind, redis_url):
    commands = kind.from_url(redis_url.replace("redis://", "rediss://") + "?ssl_ca_certs=/none")
    with pytest.raises(RedisUnavailable, match="No such file"):
        await commands.call("PING")
    await commands.close()


async def eventually(call, within_s=60.0):
    """The first answer that is no `RedisUnavailable`."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                return await call()
            except RedisUnavailable:
                await asyncio.sleep(0.02)
