"""The server of all functions, byte by byte, over real sockets."""

import asyncio

import pytest

from common.http_server import HTTPServer
from common.telemetry import logs
from tests.support.http_callers import (
    GET,
    WITHIN_S,
    echo,
    part,
    post,
    served,
    settled,
    start,
    until_true,
    whole_body,
)


async def test_one_request_after_the_other_on_a_connection():
    async with served(echo) as call:
        caller = await call(post(b"one"))
        assert (await caller.answer())[::2] == (200, b"/x one")
        caller.send(post(b"two") + post(b"three") + GET)
        assert [(await caller.answer())[2] for _ in range(2)] == [b"/x two", b"/x three"]
        caller.send(b"Connection: close\r\n\r\n")
        _, headers, body = await caller.answer()
        assert (headers["connection"], body) == ("close", b"/ ")
        assert await caller.rest() == b""


async def test_the_scope():
    seen = {}

    async def application(scope, receive, send):
        seen.update(scope)
        await echo(scope, receive, send)

    async with served(application) as call:
        caller = await call(b"PUT http://a/%C3%BC%ff?q=%20 HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n\r\n")
        await caller.answer()
        peer = caller.writer.get_extra_info("sockname")
    assert (seen["method"], seen["path"], seen["raw_path"], seen["query_string"]) == (
        "PUT", "/\u00fc\ufffd", b"/%C3%BC%ff", b"q=%20",
    )  # fmt: skip
    assert seen["headers"] == [(b"host", b"a"), (b"x-y", b"z")]
    assert (seen["client"], seen["http_version"], seen["scheme"]) == (peer, "1.1", "http")


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_is_not_read_on_while_nobody_takes_it(chunked):
    asked = asyncio.Event()

    async def application(scope, receive, send):
        await asked.wait()
        await start(send)
        await part(send, b"%d" % len(await whole_body(receive)))

    size = 30_000_000
    async with served(application) as call:
        data = bytes(size)
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        wire = b"%x\r\n%b\r\n0\r\n\r\n" % (size, data) if chunked else data
        caller = await call(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n" + wire)
        left = await settled(caller.writer.transport.get_write_buffer_size)
        assert left > size / 2
        asked.set()
        assert (await caller.answer())[2] == b"%d" % size


async def test_sending_waits_for_a_slow_caller():
    sent = []

    async def application(scope, receive, send):
        await start(send)
        for number in range(200):
            await part(send, bytes(100_000), more=True)
            sent.append(number)
        await part(send, b"")

    async with served(application) as call:
        caller = await call(GET + b"\r\n")
        assert await settled(lambda: len(sent)) < 150
        caller.writer.transport.pause_reading()
        caller.reader._limit = 10**8
        caller.writer.transport.resume_reading()
        await until_true(lambda: len(sent) == 200)


async def test_a_body_that_waits_to_be_asked_for():
    async with served(echo) as call:
        caller = await call(post(b"ok", b"Expect: 100-continue")[:-2])
        assert (await caller.answer())[0] == 100
        caller.send(b"ok")
        assert (await caller.answer())[2] == b"/x ok"


async def test_a_body_that_nobody_asks_for_is_not_asked_for():
    async def refusing(scope, receive, send):
        await start(send, 413)
        await part(send, b"no")

    async with served(refusing) as call:
        caller = await call(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                            b"Content-Length: 5\r\n\r\n")  # fmt: skip
        assert (await caller.answer())[0] == 413
        assert await caller.rest() == b""  # the body may come or not, so nothing may follow it


async def test_a_large_body_that_is_refused_costs_nobody_the_answer():
    async def refusing(scope, receive, send):
        await start(send, 413)
        await part(send, b"no")

    async with served(refusing) as call:
        caller = await call(post(bytes(3_000_000)))
        await asyncio.wait_for(caller.writer.drain(), WITHIN_S)
        assert (await caller.answer())[::2] == (413, b"no")


async def test_a_whole_answer_is_no_word_that_the_caller_left():
    """And who still waits for it when the request is over is not given the next one's body."""
    words = []

    async def wait(receive):
        words.append((await receive())["type"])

    async def application(scope, receive, send):
        body = await whole_body(receive)
        waiting = asyncio.create_task(wait(receive))
        await start(send)
        await part(send, body)
        await asyncio.sleep(0.05)
        assert not waiting.done()

    async with served(application) as call:
        caller = await call(post(b"one") + post(b"two"))
        assert [(await caller.answer())[2] for _ in range(2)] == [b"one", b"two"]
        await until_true(lambda: words == ["http.disconnect"] * 2)


async def test_two_wait_for_the_caller_to_leave_and_one_gives_up():
    heard = []

    async def application(scope, receive, send):
        await whole_body(receive)
        first, second = (asyncio.create_task(receive()) for _ in range(2))
        await asyncio.sleep(0.01)
        first.cancel()
        heard.append((await second)["type"])

    async with served(application) as call:
        caller = await call(GET + b"\r\n")
        await asyncio.sleep(0.05)
        caller.writer.close()
        await asyncio.wait_for(asyncio.shield(until_true(lambda: heard)), WITHIN_S)
    assert heard == ["http.disconnect"]


@pytest.mark.parametrize("error", [RuntimeError, ConnectionError])
@pytest.mark.parametrize("begun", ["", "start", "part"])
async def test_an_application_that_fails(error, begun, monkeypatch):
    logged = []
    monkeypatch.setattr(logs, "log", lambda event, **_: logged.append(event))

    async def application(scope, receive, send):
        if begun:
            await start(send)
        if begun == "part":
            await part(send, b"half", more=True)
        raise error("it broke")

    async with served(application) as call:
        caller = await call(GET + b"\r\n")
        if begun == "part":
            assert (await caller.rest()).endswith(b"\r\n\r\n4\r\nhalf\r\n")  # and no end
        else:
            status, headers, body = await caller.answer()
            assert (status, headers["connection"], body) == (500, "close", b"")
    assert logged == (["application_failed"] if error is RuntimeError else [])


async def test_an_answer_until_the_connections_end_that_breaks_is_reset():
    async def application(scope, receive, send):
        await start(send)
        await part(send, b"half", more=True)
        raise ConnectionError

    async with served(application) as call:
        caller = await call(b"GET / HTTP/1.0\r\n\r\n")
        assert await caller.rest() == "reset"


@pytest.mark.parametrize(
    "wire",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        post(b"x", b"Transfer-Encoding: chunked"),
        b"GET /" + b"x" * 70_000,
    ],
)
async def test_what_is_no_request(wire):
    async def application(scope, receive, send):
        raise AssertionError

    async with served(application) as call:
        caller = await call(wire)
        assert (await caller.answer())[0] == 400
        assert await caller.rest() in (b"", "reset")


async def test_a_body_that_turns_out_to_be_none_is_a_caller_who_left():
    words = []

    async def application(scope, receive, send):
        while not words or words[-1] != "http.disconnect":
            words.append((await receive())["type"])

    async with served(application) as call:
        caller = await call(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        caller.send(b"1\r\na\r\n")
        await until_true(lambda: words)
        caller.send(b"nonsense\r\n")
        assert await caller.rest() in (b"", "reset")
    assert words[-1] == "http.disconnect"


async def test_an_address_that_is_taken():
    async with served(echo) as call:
        host, port = call.server._listening.sockets[0].getsockname()
        with pytest.raises(OSError, match="in use"):
            await HTTPServer(echo, host, port, backlog=1, requests_max=1).serve()
