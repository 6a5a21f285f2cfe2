"""Bodies on the wire: one that nobody wants costs the connection nothing."""

import socket

import httpx

from tests.support.key_admin import KEYS


def test_a_body_that_comes_after_its_refusal_costs_the_connection_nothing(key_admin):
    """As of httpx, which sends head and body apart."""
    host = httpx.URL(key_admin.url)
    head = f"POST {KEYS} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    with socket.create_connection((host.host, host.port)) as caller:
        caller.settimeout(20)
        for _ in range(3):
            caller.sendall(f"{head}content-length: 20000\r\n\r\n".encode())
            assert caller.recv(100_000).startswith(b"HTTP/1.1 401")
            caller.sendall(b" " * 20_000)
