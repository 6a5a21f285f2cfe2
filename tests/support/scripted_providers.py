"""Providers that say what a script says, and exchanges with them."""

import asyncio
import contextlib
import re

import pytest

from common.providers.http import UpstreamClient, UpstreamFailed

HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def prepared(client, url, timeout_ms=10_000, *, method="POST", body=b"{}"):
    """A small request."""
    return client.exchange(method, url, [], body, "the provider", timeout_ms=timeout_ms)


async def asked(client, url, **options):
    """The body of one answer, or why there is none."""
    exchange = prepared(client, url, **options)
    try:
        await exchange.open()
        return await exchange.read_all()
    except UpstreamFailed as failed:
        return failed.failure.reason
    finally:
        await exchange.close()


@contextlib.asynccontextmanager
async def serving(*connections):
    """A server of scripts, one a connection: what each request is answered; None hangs up.

    Yields the address and what came: one list of heads with bodies a connection.
    """
    scripts, came = iter(connections), []

    async def serve(reader, writer):
        came.append(requests := [])
        for answer in next(scripts):
            if answer is None:
                break
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            requests.append(head + await reader.readexactly(int(length[1]) if length else 0))
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", came


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
