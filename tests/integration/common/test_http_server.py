"""The server of all functions, byte by byte, over real sockets."""

import asyncio
import contextlib
import re

import pytest

from common import http_caller, http_server
from common.http_server import HTTPServer
from common.telemetry import logs

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
WITHIN_S = 10


def post(body, *more):
    return b"\r\n".join([b"POST /x?y HTTP/1.1", b"Host: a", *more,
                         b"Content-Length: %d" % len(body), b"", body])  # fmt: skip


async def whole_body(receive):
    parts, more = [], True
    while more:
        message = await receive()
        assert message["type"] == "http.request", message
        parts.append(message["body"])
        more = message["more_body"]
    return b"".join(parts)


async def start(send, status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def part(send, body, *, more=False):
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def echo(scope, receive, send):
    body = await whole_body(receive)
    await start(send)
    await part(send, scope["raw_path"] + b" " + body)


class Caller:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, data):
        self.writer.write(data)

    async def answer(self):
        """The next answer: status, headers, body."""
        head = (await self._read(self.reader.readuntil(b"\r\n\r\n"))).decode()
        status = int(head.split(" ")[1])
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        length = int(headers.get("content-length", 0))
        body = await self._read(self.reader.readexactly(length))
        if "transfer-encoding" in headers:
            body = await self._read(self.reader.readuntil(b"0\r\n\r\n"))
        return status, headers, body

    async def rest(self):
        """All that comes until the server ends the connection."""
        try:
            return await self._read(self.reader.read())
        except ConnectionResetError:
            return "reset"

    async def _read(self, reading):
        return await asyncio.wait_for(reading, WITHIN_S)


async def _until(condition):
    while not condition():  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.01)


async def _settled(value):
    """What it is when it does not change any more."""
    before = None
    while before != value():
        before = value()
        await asyncio.sleep(0.2)
    return before


@contextlib.asynccontextmanager
async def served(application, **limits):
    """A server; gives how to call it, and itself. All connections are closed at the end."""
    server = HTTPServer(
        application, "127.0.0.1", 0, backlog=100, requests_max=limits.get("requests_max", 100)
    )
    serving = asyncio.create_task(server.serve())
    await _until(lambda: server._listening is not None)
    port = server._listening.sockets[0].getsockname()[1]
    callers = []

    async def call(data=b""):
        callers.append(caller := Caller(*await asyncio.open_connection("127.0.0.1", port)))
        caller.send(data)
        return caller

    call.server, call.serving = server, serving
    yield call
    for caller in callers:
        caller.writer.close()
    server.stop()
    await asyncio.wait_for(serving, WITHIN_S)


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
        left = await _settled(caller.writer.transport.get_write_buffer_size)
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
        assert await _settled(lambda: len(sent)) < 150
        caller.writer.transport.pause_reading()
        caller.reader._limit = 10**8
        caller.writer.transport.resume_reading()
        await _until(lambda: len(sent) == 200)


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


@pytest.mark.parametrize("when", ["before the answer", "in the answer"])
async def test_a_caller_who_leaves(when):
    gone = asyncio.Event()

    async def application(scope, receive, send):
        await whole_body(receive)
        if when == "in the answer":
            await start(send)
            await part(send, b"x", more=True)
        assert (await receive())["type"] == "http.disconnect"
        gone.set()
        if when == "before the answer":
            await start(send)
        await part(send, b"to nobody")

    async with served(application) as call:
        caller = await call(post(b"abc"))
        await asyncio.sleep(0.05)
        caller.writer.close()
        await asyncio.wait_for(gone.wait(), WITHIN_S)


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
        await _until(lambda: words == ["http.disconnect"] * 2)


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
        await asyncio.wait_for(asyncio.shield(_until(lambda: heard)), WITHIN_S)
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
        await _until(lambda: words)
        caller.send(b"nonsense\r\n")
        assert await caller.rest() in (b"", "reset")
    assert words[-1] == "http.disconnect"


async def test_a_head_that_does_not_come_in_time(monkeypatch):
    monkeypatch.setattr(http_caller, "HEAD_S", 0.1)
    monkeypatch.setattr(http_server, "TICK_S", 0.05)
    async with served(echo) as call:
        silent, slow = await call(), await call(GET)
        assert await silent.rest() in (b"", "reset")
        assert await slow.rest() in (b"", "reset")


async def test_a_connection_that_rests_too_long(monkeypatch):
    monkeypatch.setattr(http_caller, "IDLE_S", 0.1)
    monkeypatch.setattr(http_server, "TICK_S", 0.05)
    async with served(echo) as call:
        caller = await call(GET + b"\r\n")
        await caller.answer()
        assert await caller.rest() in (b"", "reset")


async def test_who_is_one_too_many_waits():
    async with served(echo, requests_max=1) as call:
        first = await call(GET + b"\r\n")
        await first.answer()
        second, third = await call(GET + b"\r\n"), await call(GET + b"\r\n")
        third.writer.close()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(second.reader.read(1), 0.1)
        first.writer.close()
        assert (await second.answer())[0] == 200


async def test_stopping_lets_open_requests_end():
    go_on = asyncio.Event()

    async def application(scope, receive, send):
        await go_on.wait()
        await start(send)
        await part(send, b"x" * 1000)

    async with served(application) as call:
        resting, busy = await call(), await call(GET + b"\r\n")
        await asyncio.sleep(0.05)
        call.server.stop()
        assert await resting.rest() == b""
        with pytest.raises(OSError, match="111"):
            await asyncio.open_connection(*busy.writer.get_extra_info("peername"))
        assert not call.serving.done()
        go_on.set()
        assert re.search(rb"\r\n\r\nx{1000}$", await busy.rest())
        await asyncio.wait_for(call.serving, WITHIN_S)


async def test_an_address_that_is_taken():
    async with served(echo) as call:
        host, port = call.server._listening.sockets[0].getsockname()
        with pytest.raises(OSError, match="in use"):
            await HTTPServer(echo, host, port, backlog=1, requests_max=1).serve()
