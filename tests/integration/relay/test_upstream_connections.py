"""TLS towards providers, and connections that must not be used again."""

import asyncio
import os
import socket
import ssl
import struct
from ipaddress import ip_network

import pytest

from common.domain import http_addresses
from common.domain.refusals import Reason
from common.providers.http import UpstreamClient, UpstreamFailed
from tests.support.redis_servers import self_signed
from tests.support.scripted_providers import HELLO, asked, failure, prepared, serving


async def test_an_answer_until_the_connections_end_that_is_reset_is_not_whole():
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await writer.drain()
        reset = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        await half_read.wait()
        writer.transport.abort()

    half_read = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        client = UpstreamClient()
        exchange = prepared(client, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        await exchange.open()
        assert await exchange.read_chunk() == b"half"
        half_read.set()
        with pytest.raises(UpstreamFailed, match="broke the connection off"):
            await exchange.read_chunk()
        await exchange.close()
        await client.close()


async def test_a_name_that_leads_to_a_clouds_metadata_service_is_not_asked(monkeypatch):
    """Loopback stands for such a service: that a name leads there is seen once it is looked up."""
    networks = (*http_addresses._METADATA_NETWORKS, ip_network("127.0.0.0/8"), ip_network("::1"))
    async with serving([HELLO], [HELLO]) as (url, came):
        client = UpstreamClient()
        named = url.replace("127.0.0.1", "localhost")
        monkeypatch.setattr(http_addresses, "_METADATA_NETWORKS", networks)
        assert await asked(client, named) is Reason.UPSTREAM_UNREACHABLE
        monkeypatch.undo()
        assert await asked(client, named) == b"hello"
        assert [len(requests) for requests in came] == [0, 1]
        await client.close()


async def test_bytes_that_come_after_an_answer_answer_nobody_else():
    """They come when the connection rests, and before the loop has read them."""
    first, second = socket.socketpair(), HELLO.replace(b"hello", b"fresh")
    async with serving([HELLO], [second]) as (url, came):
        client = UpstreamClient()
        assert await asked(client, url) == b"hello"
        ((resting,),) = client._pool._resting.values()
        stray, wire = first
        stray.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray")
        plain = resting._transport.get_extra_info("socket")
        os.dup2(wire.fileno(), plain.fileno())
        assert await asked(client, url) == b"fresh"
        assert len(came) == 2
        await client.close()
    for end in first:
        end.close()


async def test_a_connection_with_a_body_that_is_not_all_sent_is_not_used_again():
    """The provider answered early; whether it reads the rest is its own affair."""

    async def serve(reader, writer):
        callers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()
        writer.write(HELLO)

    callers = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        client = UpstreamClient()
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        assert await asked(client, url, body=bytes(20_000_000)) == b"hello"
        assert await asked(client, url) == b"hello"
        assert len(callers) == 2
        await client.close()
        for writer in callers:
            writer.transport.abort()


@pytest.fixture
def tls_files(tmp_path):
    """A certificate for localhost, and its key."""
    return self_signed(tmp_path, "localhost")


async def test_a_certificate_that_nobody_vouches_for(tls_files):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*tls_files)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await failure(f"https://localhost:{port}/")
    assert found.reason is Reason.UPSTREAM_UNREACHABLE
    assert "certificate verify failed" in found.detail


async def test_tls(tls_files, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_files[0]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*tls_files)

    async def serve(reader, writer):
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + bytes(300_000))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        client = UpstreamClient()
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        for _ in range(2):
            assert await asked(client, url) == bytes(300_000)
        await client.close()


@pytest.mark.parametrize("word", [True, False])
async def test_tls_that_ends_without_its_word_may_have_been_cut(tls_files, monkeypatch, word):
    """Where the body ends with the connection, anybody on the way could end it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_files[0]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*tls_files)

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await writer.drain()
        if word:
            writer.close()
        else:
            writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        client = UpstreamClient()
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
        found = await asked(client, url)
        assert found == (b"hello" if word else Reason.UPSTREAM_CUT)
        await client.close()
