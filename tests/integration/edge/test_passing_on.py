"""How the edge passes on requests and answers, and how it ends."""

import json
import signal
import socket
import time

import httpx
import pytest

from tests.support.edge import RELAY_HOST, NameServer

PAUSE_S = 0.2


def test_each_chunk_arrives_before_the_next_is_sent(client):
    arrived = []
    with client.stream("POST", "/v1/ticks", content=b"{}") as answer:
        for chunk in answer.iter_raw():
            arrived.append((time.monotonic(), chunk))
    assert [chunk for _, chunk in arrived] == [f"data: {n}\n\n".encode() for n in range(5)]
    # Held back chunks would come together: no pause between first and last.
    assert arrived[-1][0] - arrived[0][0] > PAUSE_S * 2


def test_a_broken_answer_breaks_at_the_caller_too(client):
    with client.stream("GET", "/v1/die") as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == b"data: 1\n\n"
        with pytest.raises(httpx.RemoteProtocolError):
            next(chunks)


@pytest.mark.parametrize("query", ["", "?stream"])
def test_a_caller_that_goes_is_gone_for_the_function_too(client, edge, query):
    before = client.get("/v1/seen").json()
    with socket.create_connection(("127.0.0.1", edge.port)) as connection:
        request = f"POST /v1/wait{query} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}"
        connection.sendall(request.encode())
        _until(lambda: len(client.get("/v1/seen").json()["requests"]) > len(before["requests"]))
    _until(lambda: client.get("/v1/seen").json()["disconnects"] == before["disconnects"] + 1)


def test_a_slow_reader_holds_the_function_back(client):
    with client.stream("GET", "/v1/flood") as answer:
        chunks = answer.iter_raw()
        next(chunks)
        time.sleep(1)
        assert client.get("/v1/seen").json()["flooded"] < 100


def test_a_slow_upload_reaches_no_function_before_it_is_whole(edge, client):
    before = client.get("/v1/seen").json()["requests"]
    with socket.create_connection(("127.0.0.1", edge.port), timeout=20) as connection:
        head = "POST /v1/describe HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"
        connection.sendall(head.encode() + b"half ")
        time.sleep(0.3)
        assert client.get("/v1/seen").json()["requests"] == before
        connection.sendall(b"whole")
        assert b"half whole" in connection.recv(65536)
    assert client.get("/v1/seen").json()["requests"] != before


@pytest.mark.parametrize("size", [1_000, 20_000, 100_000])
def test_an_answer_that_comes_before_the_body_was_read_comes_through(client, size):
    for _ in range(20):
        answer = client.post("/v1/refuse", content=b"x" * size)
        assert answer.status_code == 413
        assert answer.json() == {"too": "large"}


def test_redirects_and_packed_bodies_are_not_touched(client):
    assert client.get("/v1/redirect").headers["location"] == "/v1/describe"
    with client.stream("GET", "/v1/packed") as answer:
        assert answer.headers["content-encoding"] == "gzip"


def test_a_function_is_found_when_its_name_appears(make_edge):
    names = NameServer()
    edge = make_edge(resolver=names.address)
    status, headers, body = edge.ask("/v1/messages")
    assert status == 502
    assert headers["retry-after"] == "1"
    assert "x-should-retry" not in headers
    assert json.loads(body)["error"]["type"] == "api_error"
    names.addresses[RELAY_HOST] = "127.0.0.1"
    _until(lambda: edge.ask("/v1/describe")[0] == 200)
    names.close()


def test_sigquit_lets_open_streams_end(make_edge):
    edge = make_edge()
    url = f"http://127.0.0.1:{edge.port}/v1/ticks"
    with httpx.stream("POST", url, content=b"{}") as answer:
        chunks = answer.iter_raw()
        first = next(chunks)
        edge.process.send_signal(signal.SIGQUIT)
        _until(lambda: not _listens(edge.port))
        text = first + b"".join(chunks)
    assert text.count(b"data:") == 5
    assert edge.process.wait(20) == 0


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
