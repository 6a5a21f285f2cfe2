"""HTTP itself: framing, refusals, keep-alive, back-pressure, stopping."""

import asyncio
import json
import socket
import struct
import time

import httpx
import psutil
import pytest

from tests.support.echo import EchoProcess, chat_body, message_body

CHAT = "/v1/chat/completions"
KEY = "authorization: Bearer k\r\n"


def dialled(echo):
    return socket.create_connection(("127.0.0.1", echo.port), timeout=30)


def exchange(echo, data):
    """Send bytes; all that comes until the server closes."""
    with dialled(echo) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received.decode()


def post(body, headers=KEY):
    return f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n{headers}".encode() + b"\r\n" + body


def test_a_chunked_request(client):
    body = json.dumps(chat_body()).encode()
    answer = client.post(CHAT, content=iter([body[:7], body[7:30], body[30:]]))
    assert answer.json()["choices"][0]["message"]["content"] == "hello my world"


def test_requests_on_one_connection_may_come_at_once(echo):
    body = json.dumps(chat_body()).encode()
    one = post(body, f"{KEY}content-length: {len(body)}\r\n")
    final = post(body, f"{KEY}content-length: {len(body)}\r\nconnection: close\r\n")
    answers = exchange(echo, one + one + final)
    assert answers.count("HTTP/1.1 200 OK") == 3
    assert answers.count("connection: close") == 1


def test_the_server_says_go_on_when_it_is_asked(echo):
    with dialled(echo) as connection:
        headers = f"{KEY}content-length: 2\r\nexpect: 100-continue\r\n"
        connection.sendall(post(b"", headers))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 Bad Request")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\na: " + b"x" * 200_000 + b"\r\n\r\n", 431),
        (post(b"", "content-length: 1x\r\n"), 400),
        (post(b"", "content-length: 99999999999\r\n"), 413),
        (post(b"", "transfer-encoding: gzip\r\n"), 501),
        (post(b"zz\r\n", "transfer-encoding: chunked\r\n"), 400),
        (post(b"1\r\nabc\r\n", "transfer-encoding: chunked\r\n"), 400),
    ],
)
def test_what_is_no_request_is_refused(echo, data, status):
    with dialled(echo) as connection:
        connection.sendall(data)
        assert connection.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_large_body_is_refused_while_it_is_sent(client):
    body = message_body("x" * (33 * 1024 * 1024))
    answer = client.post("/v1/messages", json=body)
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"


def test_without_a_key(echo):
    for path, body, name in (
        (CHAT, chat_body(), "invalid_request_error"),
        ("/v1/messages", message_body(), "authentication_error"),
    ):
        answer = httpx.post(echo.url + path, json=body)
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == name
    assert httpx.get(f"{echo.url}/v1/models").status_code == 401
    assert httpx.get(f"{echo.url}/v1/models", headers={"x-api-key": "k"}).status_code == 200


@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"a":\xff}'])
def test_what_is_no_json_object_is_refused(client, path, body):
    answer = client.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_other_addresses(client):
    assert client.get("/v1/nothing").status_code == 404
    assert client.get(CHAT).status_code == 405
    assert client.get("/echo/nothing").status_code == 404
    assert client.get("/v1/messages/nothing").json()["type"] == "error"
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


def test_headers_that_are_the_accounts_own(client):
    answer = client.post(CHAT, json=chat_body())
    for name in ("x-request-id", "openai-processing-ms", "openai-organization"):
        assert name in answer.headers
    assert "x-ratelimit-remaining-tokens" in answer.headers
    answer = client.post("/v1/messages", json=message_body())
    assert "request-id" in answer.headers
    assert "anthropic-ratelimit-requests-remaining" in answer.headers


def test_a_client_that_resets_is_seen_at_once(echo):
    body = json.dumps(chat_body("[[echo words=1000 chunk_delay_ms=50]]", stream=True)).encode()
    with dialled(echo) as connection:
        connection.sendall(post(body, f"{KEY}content-length: {len(body)}\r\n"))
        while b"word2" not in connection.recv(65536):
            pass
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end = time.monotonic() + 5
    while not (record := echo.requests()[0])["client_gone"]:
        assert time.monotonic() < end
    assert 2 <= record["output_tokens"] < record["chunks_sent"] < 20
    assert echo.totals()["client_gone"] == 1


def test_a_long_stream_waits_for_its_reader_and_needs_little_memory(echo):
    process = psutil.Process(echo.process.pid)
    before = process.memory_info().rss
    body = json.dumps(chat_body("[[echo bytes=400000000]]", stream=True)).encode()
    with dialled(echo) as connection:
        connection.sendall(post(body, f"{KEY}content-length: {len(body)}\r\n"))
        time.sleep(0.3)
        unread = echo.requests()[0]["chunks_sent"]
        time.sleep(0.1)
        assert echo.requests()[0]["chunks_sent"] == unread
        received, tail = 0, b""
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            piece = connection.recv(1 << 20)
            received += len(piece)
            tail = (tail + piece)[-20:]
    assert received > 400_000_000
    assert echo.requests()[0]["completed"]
    assert process.memory_info().rss - before < 20_000_000


async def test_fifty_streams_and_many_requests_at_once(echo):
    limits = httpx.Limits(max_connections=100)
    headers = {"authorization": "Bearer k"}
    async with httpx.AsyncClient(base_url=echo.url, headers=headers, limits=limits) as client:
        streams = [
            client.post(CHAT, json=chat_body("[[echo words=100]]", stream=True)) for _ in range(50)
        ]
        wholes = [client.post("/v1/messages", json=message_body()) for _ in range(200)]
        answers = await asyncio.gather(*streams, *wholes)
    assert {answer.status_code for answer in answers} == {200}
    totals = echo.totals()
    assert (totals["requests"], totals["completed"]) == (250, 250)
    assert totals["output_tokens"] == 50 * 100 + 200 * 3
    assert totals["chunks_sent"] == 50 * 103


def test_it_stops_in_order(tmp_path):
    with EchoProcess(tmp_path) as process, httpx.Client(base_url=process.url) as client:
        client.get("/health/ready")  # an idle connection holds nothing up
        with dialled(process) as connection:
            body = json.dumps(chat_body("hi [[echo delay_ms=300]]")).encode()
            connection.sendall(post(body, f"{KEY}content-length: {len(body)}\r\n"))
            while not process.requests():
                time.sleep(0.01)
            # Which waits 20 s; the idle connection would stay for ever.
            assert process.stop() == 0
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
        assert "Traceback" not in process.log.read_text()


def test_it_stops_although_a_client_stalls(tmp_path):
    with EchoProcess(tmp_path) as process, dialled(process) as connection:
        body = json.dumps(chat_body("[[echo stall_after=0]]", stream=True)).encode()
        connection.sendall(post(body, f"{KEY}content-length: {len(body)}\r\n"))
        connection.recv(100)
        assert process.stop() == 0
        assert "Traceback" not in process.log.read_text()


def test_a_taken_port_is_said(echo, tmp_path):
    process = EchoProcess(tmp_path)
    process.port = echo.port
    # Something answers on that port, so that only the log tells.
    with process:
        assert process.process.wait(10) == 1
        assert "cannot listen" in process.log.read_text()
