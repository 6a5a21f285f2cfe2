"""What the server bounds, ends, and keeps apart: time, silence, strangers, the next request."""

import asyncio
import re

import pytest

from common import http_caller, http_server
from common.telemetry import logs
from tests.support.http_callers import GET, WITHIN_S, echo, part, post, served, start, whole_body


async def test_who_is_refused_before_the_body_was_asked_for_is_not_waited_for():
    words = []

    async def refusing(scope, receive, send):
        await start(send, 413)
        await part(send, b"no")
        words.append((await receive())["type"])

    async with served(refusing) as call:
        caller = await call(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                            b"Content-Length: 5\r\n\r\n")  # fmt: skip
        status, headers, _ = await caller.answer()
        assert (status, headers["connection"]) == (413, "close")
        assert await caller.rest() == b""
    assert words == ["http.disconnect"]


async def test_a_body_that_falls_silent(monkeypatch):
    monkeypatch.setattr(http_caller, "BODY_S", 0.1)
    monkeypatch.setattr(http_server, "TICK_S", 0.05)
    words = []

    async def application(scope, receive, send):
        while not words or words[-1] != "http.disconnect":
            words.append((await receive())["type"])

    async with served(application) as call:
        caller = await call(post(b"abc")[:-1])
        assert await caller.rest() in (b"", "reset")
    assert words == ["http.request", "http.disconnect"]


async def test_an_answer_that_takes_its_time_is_no_silent_body(monkeypatch):
    monkeypatch.setattr(http_caller, "BODY_S", 0.1)
    monkeypatch.setattr(http_server, "TICK_S", 0.05)

    async def application(scope, receive, send):
        body = await whole_body(receive)
        leaving = asyncio.create_task(receive())
        await asyncio.sleep(0.4)
        assert not leaving.done()
        await start(send)
        await part(send, body)

    async with served(application) as call:
        caller = await call(post(b"abc")[:-1])
        caller.send(b"c")
        assert (await caller.answer())[2] == b"abc"


async def test_a_task_that_outlives_its_request_does_not_touch_the_next_one():
    """Proxies carry requests of different callers over one connection."""
    late, went = asyncio.Event(), []

    async def outlive(receive, send):
        await late.wait()
        went.append((await receive())["type"])
        with pytest.raises(RuntimeError, match="over"):
            await part(send, b"mine", more=True)
        went.append("refused")

    async def application(scope, receive, send):
        if scope["method"] == "GET":
            went.append(asyncio.create_task(outlive(receive, send)))
            await start(send)
            await part(send, b"")
            return
        await start(send, headers=[(b"content-length", b"5")])
        late.set()
        await went.pop(0)
        await part(send, await whole_body(receive))

    async with served(application) as call:
        caller = await call(GET + b"\r\n" + post(b"yours"))
        await caller.answer()
        assert (await caller.answer())[2] == b"yours"
    assert went == ["http.disconnect", "refused"]


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


async def test_stopping_lets_a_request_come_that_has_begun():
    async with served(echo) as call:
        caller = await call(GET[:-4])
        await asyncio.sleep(0.05)
        call.server.stop()
        caller.send(GET[-4:] + b"\r\n")
        status, headers, _ = await caller.answer()
        assert (status, headers["connection"]) == (200, "close")


async def test_what_is_no_request_is_told(monkeypatch):
    logged = []
    monkeypatch.setattr(logs, "log", lambda event, **members: logged.append((event, members)))
    async with served(echo) as call:
        await (await call(b"nonsense\r\n\r\n")).rest()
    ((event, members),) = logged
    assert event == "request_malformed"
    assert (members["peer"], members["why"]) == ("127.0.0.1", "no request line")


async def test_a_header_that_is_none_costs_the_answer_not_the_connection(monkeypatch):
    monkeypatch.setattr(logs, "log", lambda *_, **__: None)

    async def application(scope, receive, send):
        try:
            await start(send, headers=[(b"content-length", b"5, 5")])
        except ValueError:
            await part(send, b"a body without a head")

    async with served(application) as call:
        caller = await call(GET + b"\r\n")
        assert (await caller.answer())[::2] == (500, b"")
