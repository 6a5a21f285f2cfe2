"""What the client towards providers says of one that is not there, or is no HTTP server."""

import asyncio
import contextlib
import socket

import pytest

from cli.dev.ports import free_port
from common.domain.refusals import Reason
from common.providers.http import UpstreamClient, UpstreamFailed


def prepared(client, url, timeout_ms=10_000):
    """A small request."""
    return client.exchange("POST", url, [], b"{}", "the provider", timeout_ms=timeout_ms)


async def failure(url, timeout_ms=10_000, **limits):
    """How one request fails."""
    client = UpstreamClient(**limits)
    exchange = prepared(client, url, timeout_ms)
    try:
        with pytest.raises(UpstreamFailed) as caught:
            await exchange.open()
        return caught.value.failure
    finally:
        await exchange.close()
        await client.close()


@contextlib.asynccontextmanager
async def answering(answer):
    """A server that sends these bytes, whatever it is asked, and hangs up; None: says nothing."""
    gone = asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
            gone.set()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", gone


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "nowhere.invalid"])
async def test_nobody_there(host):
    found = await failure(f"http://{host}:{free_port()}/")
    assert found.reason is Reason.UPSTREAM_UNREACHABLE
    assert found.message == "the provider could not be reached"
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


async def test_an_abandoned_request_ends_by_its_bound():
    async with answering(None) as (url, gone):
        client = UpstreamClient()
        exchange = prepared(client, url, timeout_ms=2_000)
        opening = asyncio.create_task(exchange.open())
        await asyncio.sleep(0.1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await exchange.close()
        # Nobody has waited for the bound, at which the connection ends.
        assert not gone.is_set()
        await asyncio.wait_for(gone.wait(), 30)
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
