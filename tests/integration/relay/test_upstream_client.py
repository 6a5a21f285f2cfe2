"""What the client towards providers says of one that is not there, or is no HTTP server."""

import asyncio
import contextlib
import re
import socket

import pytest

from cli.dev.ports import free_port
from common.domain.refusals import Reason
from common.providers import connections
from common.providers.exchange import TOGETHER_BYTES_MAX
from common.providers.http import StreamedBody, UpstreamClient, UpstreamFailed
from tests.support.scripted_providers import (
    CHUNKED,
    HELLO,
    answering,
    asked,
    failure,
    prepared,
    serving,
)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "nowhere.invalid"])
async def test_nobody_there(host):
    found = await failure(f"http://{host}:{free_port()}/")
    assert found.reason is Reason.UPSTREAM_UNREACHABLE
    assert found.message == "the provider could not be reached"
    assert re.search(r"Connect call failed|Name or service not known|resol", found.detail)
    assert found.retry_after_ms == found.cooldown_ms == 2_000


async def test_no_connection_in_time():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with contextlib.ExitStack() as stack:
            for _ in range(3):  # what the kernel takes on its own
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(address)
            found = await failure(f"http://127.0.0.1:{address[1]}/", connect_timeout_ms=200)
    assert found.reason is Reason.UPSTREAM_UNREACHABLE


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-l"])
async def test_no_answer(answer):
    async with answering(answer) as (url, _):
        found = await failure(url)
    assert found.reason is Reason.UPSTREAM_CUT
    assert found.message == "the provider broke the connection off"


async def test_no_answer_in_time_ends_the_request():
    async with answering(None) as (url, gone):
        found = await failure(url, timeout_ms=200)
        assert found.reason is Reason.UPSTREAM_TIMEOUT
        await asyncio.wait_for(gone.wait(), 5)


async def test_an_abandoned_request_tells_its_provider_at_once():
    async with answering(None) as (url, gone):
        client = UpstreamClient()
        exchange = prepared(client, url)
        opening = asyncio.create_task(exchange.open())
        await asyncio.sleep(0.1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert not gone.is_set()
        await exchange.close()
        await asyncio.wait_for(gone.wait(), 5)
        await client.close()


async def test_a_slow_reader_gets_everything():
    body = b"x" * 20_000_000
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with answering(head + body) as (url, _):
        client = UpstreamClient()
        exchange = prepared(client, url)
        await exchange.open()
        first = await exchange.read_chunk()
        await asyncio.sleep(0.6)
        assert len(first) + len(await exchange.read_all()) == len(body)
        await exchange.close()
        await client.close()


async def test_a_connection_is_used_again_and_what_rested_too_long_or_ended_is_not(monkeypatch):
    async with serving([HELLO] * 3, [HELLO, None], [HELLO] * 2) as (url, came):
        client = UpstreamClient()
        assert [await asked(client, url) for _ in range(2)] == [b"hello"] * 2
        assert len(came) == 1
        with monkeypatch.context() as patch:
            patch.setattr(connections, "POOL_IDLE_S", 0)
            assert await asked(client, url) == b"hello"
        assert [len(requests) for requests in came] == [2, 1]
        # Its end is here, and the loop may not have read it.
        assert await asked(client, url) == b"hello"
        assert [len(requests) for requests in came] == [2, 1, 1]
        await client.close()


async def test_two_at_once_have_a_connection_each():
    async with serving([HELLO] * 2, [HELLO] * 2) as (url, came):
        client = UpstreamClient()
        found = await asyncio.gather(*(asked(client, url) for _ in range(2)))
        assert found == [b"hello"] * 2
        assert len(came) == 2
        await client.close()


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_nothing_is_asked_twice_that_may_be_charged_twice(method):
    """The second request of the connection is read, and then it ends without a word."""
    async with serving([HELLO, b""], [HELLO]) as (url, came):
        client = UpstreamClient()
        assert await asked(client, url, method=method) == b"hello"
        found = await asked(client, url, method=method)
        assert found == (b"hello" if method == "GET" else Reason.UPSTREAM_CUT)
        assert [len(requests) for requests in came] == ([2, 1] if method == "GET" else [2])
        await client.close()


@pytest.mark.parametrize("second", [b"", b"HTTP/1.1 200 OK\r\nx"])
async def test_what_was_begun_or_is_new_is_not_asked_again(second):
    async with serving([HELLO, second] if second else [second], [HELLO]) as (url, came):
        client = UpstreamClient()
        if second:
            assert await asked(client, url, method="GET") == b"hello"
        assert await asked(client, url, method="GET") is Reason.UPSTREAM_CUT
        assert len(came) == 1
        await client.close()


async def test_what_nobody_asked_for_answers_nobody():
    async with serving([HELLO + HELLO], [HELLO + b"x"], [HELLO]) as (url, came):
        client = UpstreamClient()
        assert [await asked(client, url) for _ in range(3)] == [b"hello"] * 3
        assert [len(requests) for requests in came] == [1, 1, 1]
        await client.close()


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil it ends", b"until it ends"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HELLO, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (HELLO[:-1], Reason.UPSTREAM_CUT),
        (CHUNKED + b"5\r\nhello\r\n", Reason.UPSTREAM_CUT),
        (CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n", Reason.UPSTREAM_CUT),
        (b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", Reason.UPSTREAM_CUT),
    ],
)  # fmt: skip
async def test_how_answers_end(answer, found):
    async with answering(answer) as (url, _):
        client = UpstreamClient()
        assert await asked(client, url) == found
        await client.close()


async def test_what_came_before_the_break_comes_before_it_is_raised():
    async with answering(HELLO[:-2]) as (url, _):
        client = UpstreamClient()
        exchange = prepared(client, url)
        await exchange.open()
        assert (exchange.status, exchange.header("content-length")) == (200, "5")
        assert await exchange.read_chunk() == b"hel"
        with pytest.raises(UpstreamFailed, match="broke the connection off"):
            await exchange.read_chunk()
        await exchange.close()
        await client.close()


async def test_an_answer_that_is_not_read_is_left_in_the_socket():
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(30_000_000)) as (url, _):
        client = UpstreamClient()
        exchange = prepared(client, url)
        await exchange.open()
        await asyncio.sleep(0.3)
        assert len(await exchange.read_chunk()) <= 2 * TOGETHER_BYTES_MAX
        await exchange.close()
        await client.close()


@pytest.mark.parametrize("length", [6, None])
async def test_a_body_that_comes_by_and_by(length):
    async def parts():
        for part in (b"abc", b"", b"def"):
            await asyncio.sleep(0)
            yield part

    async with answering(HELLO) as (url, _):
        client = UpstreamClient()
        assert await asked(client, url, body=StreamedBody(parts(), length)) == b"hello"
        await client.close()


async def test_what_breaks_a_body_off_is_raised_and_ends_the_connection():
    async def parts():
        yield b"abc"
        raise RuntimeError("no more of it")

    async with answering(None) as (url, gone):
        client = UpstreamClient()
        assert await asked(client, url, body=StreamedBody(parts(), 6)) is Reason.UPSTREAM_CUT
        await asyncio.wait_for(gone.wait(), 5)
        await client.close()


@pytest.mark.parametrize("url", ["", "ftp://a/", "http://user@a/", "http://a:99999/"])
async def test_an_address_that_is_none(url):
    with pytest.raises(UpstreamFailed, match="could not be reached"):
        prepared(UpstreamClient(), url)


@pytest.mark.parametrize("by", ["argument", "environment"])
async def test_a_proxy_is_asked_in_the_providers_place(by, monkeypatch):
    async with serving([HELLO]) as (url, came):
        if by == "environment":
            monkeypatch.setenv("http_proxy", url)
        client = UpstreamClient()
        proxy = url if by == "argument" else None
        exchange = client.exchange(
            "POST", "http://nowhere.invalid/v1", [], b"{}", "x", timeout_ms=10_000, proxy=proxy
        )
        await exchange.open()
        assert await exchange.read_all() == b"hello"
        await exchange.close()
        await client.close()
    assert came[0][0].startswith(b"POST http://nowhere.invalid/v1 HTTP/1.1\r\n")


async def test_a_proxy_that_is_not_there():
    client = UpstreamClient()
    exchange = client.exchange(
        "POST",
        "http://a/",
        [],
        b"",
        "it",
        timeout_ms=9_000,
        proxy=f"http://127.0.0.1:{free_port()}",
    )
    with pytest.raises(UpstreamFailed, match="it could not be reached"):
        await exchange.open()
    await exchange.close()
    await client.close()
