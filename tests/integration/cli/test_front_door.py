"""The front door as a process of its own, before a function that is one too."""

import gzip
import http.client
import json
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from cli.dev.ports import free_port
from tests.support.processes import ServedProcess

TOKEN = "the-edge-token-of-this-test"
PAUSE_S = 0.2


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    log = tmp_path_factory.mktemp("upstream") / "log"
    process = ServedProcess("tests.support.upstream:application", free_port(), log)
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def front_door(upstream, tmp_path_factory):
    url = f"http://127.0.0.1:{upstream.port}"
    process = ServedProcess(
        "cli.dev.front_door:application",
        free_port(),
        tmp_path_factory.mktemp("front-door") / "log",
        RELAY_FRONT_DOOR_RELAY_URL=f"{url}/relay",
        RELAY_FRONT_DOOR_KEY_ADMIN_URL=f"{url}/key-admin",
        RELAY_EDGE_TOKEN=TOKEN,
    )
    process.start()
    yield process
    process.kill()


@pytest.fixture
def client(front_door):
    with httpx.Client(base_url=f"http://127.0.0.1:{front_door.port}", timeout=20) as client:
        yield client


def test_requests_cross_unchanged(client, upstream):
    answer = client.post(
        "/v1/models/openai%2Fgpt-4o?a=1%202&b=%2F&a=3",
        content=b'{"odd":  1.0}',
        headers={"authorization": "Bearer cr_x", "content-type": "application/json"},
    )
    got = answer.json()
    assert got["raw_path"] == "/relay/v1/models/openai%2Fgpt-4o"
    assert got["query"] == "a=1%202&b=%2F&a=3"
    assert got["body"] == '{"odd":  1.0}'
    headers = dict(got["headers"])
    assert headers["authorization"] == "Bearer cr_x"
    assert headers["content-length"] == "13"
    assert answer.headers["x-kept"] == "1"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "keep-alive" not in answer.headers
    assert len(answer.headers.get_list("date")) == 1


def test_what_says_who_the_caller_is_comes_from_the_front_door_only(client, front_door):
    forged = {
        "x-forwarded-for": "1.2.3.4",
        "x-forwarded-proto": "https",
        "X-Forwarded-Prefix": "/x",
        "forwarded": "for=1.2.3.4",
        "x-real-ip": "1.2.3.4",
        "x-relay-edge-token": "guessed",
        "connection": "x-secret, close",
        "x-secret": "1",
        "te": "trailers",
    }
    headers = client.get("/internal/describe", headers=forged).json()["headers"]
    names = [name for name, _ in headers]
    assert len(names) == len(set(names))
    assert dict(headers)["x-forwarded-for"] == "127.0.0.1"
    assert dict(headers)["x-forwarded-proto"] == "http"
    assert dict(headers)["x-forwarded-host"] == f"127.0.0.1:{front_door.port}"
    assert dict(headers)["x-relay-edge-token"] == TOKEN
    assert not {"x-forwarded-prefix", "forwarded", "x-real-ip", "x-secret", "te"} & set(names)


def test_the_table_reaches_the_right_function(client):
    assert client.get("/v1/chat/describe").json()["raw_path"].startswith("/relay/v1/")
    for path in ("/v1/usage/describe", "/internal/x", "/admin", "/auth/x", "/portal/x", "/docs"):
        assert client.get(path).json()["raw_path"] == f"/key-admin{path}"


@pytest.mark.parametrize(
    "path", ["/metrics", "/%6detrics", "/v1/../metrics", "//metrics", "/METRICS/x", "/", "/nothing"]
)
def test_closed_paths_are_404_and_wake_nobody(client, front_door, path):
    before = client.get("/v1/seen").json()["requests"]
    connection = http.client.HTTPConnection("127.0.0.1", front_door.port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 404
    assert len(answer.headers["x-request-id"]) == 26
    problem = json.loads(answer.read())
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "See /docs" in problem["detail"]
    connection.close()
    assert client.get("/v1/seen").json()["requests"] == before


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
def test_a_caller_that_goes_is_gone_for_the_function_too(client, front_door, query):
    before = client.get("/v1/seen").json()
    with socket.create_connection(("127.0.0.1", front_door.port)) as connection:
        request = f"POST /v1/wait{query} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}"
        connection.sendall(request.encode())
        _until(lambda: len(client.get("/v1/seen").json()["requests"]) > len(before["requests"]))
    _until(lambda: client.get("/v1/seen").json()["disconnects"] == before["disconnects"] + 1)


def test_a_caller_that_goes_in_mid_body_leaves_no_request_open(client, front_door):
    with socket.create_connection(("127.0.0.1", front_door.port)) as connection:
        head = "POST /v1/wait HTTP/1.1\r\nhost: x\r\ncontent-length: 200\r\n\r\nhalf"
        connection.sendall(head.encode())
        time.sleep(0.3)
    assert client.get("/v1/describe").status_code == 200


def test_a_slow_reader_holds_the_function_back(client, front_door):
    with client.stream("GET", "/v1/flood") as answer:
        chunks = answer.iter_raw()
        next(chunks)
        time.sleep(1)
        flooded = client.get("/v1/seen").json()["flooded"]
        assert flooded < 100
        assert _memory_mib(front_door) < 250


def test_a_slow_function_holds_the_caller_back(client):
    sent = 0

    def body():
        nonlocal sent
        for _ in range(40):
            yield b"x" * 1_000_000
            sent += 1

    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(client.post("/v1/slow-reader", content=body()))
    )
    thread.start()
    time.sleep(0.5)
    assert sent < 40
    thread.join()
    assert answers[0].json() == {"read": 40_000_000}


def test_an_early_refusal_comes_through(client):
    for _ in range(50):  # whether a reset overtakes the answer is a matter of chance
        answer = client.post("/v1/refuse", content=b"x" * 1_000_000)
        assert answer.status_code == 413
        assert answer.json() == {"too": "large"}


def test_redirects_and_packed_bodies_are_not_touched(client):
    assert client.get("/v1/redirect").headers["location"] == "/v1/describe"
    with client.stream("GET", "/v1/packed") as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(b"".join(answer.iter_raw())) == b"packed"


def test_the_front_door_answers_for_its_own_health(front_door):
    connection = http.client.HTTPConnection("127.0.0.1", front_door.port, timeout=30)
    for path in ("/health/live", "/health/ready"):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (200, {"status": "ok"})
    connection.close()


def test_a_request_waits_for_a_function_that_restarts(client, upstream):
    upstream.kill()
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(client.post("/v1/describe", content=b"kept"))
    )
    thread.start()
    time.sleep(0.5)
    upstream.start()
    thread.join()
    assert answers[0].status_code == 200
    assert answers[0].json()["body"] == "kept"


def test_a_function_that_stays_away_is_503_with_retry_after(client, upstream):
    upstream.kill()
    try:
        answer = client.post("/v1/describe", content=b"kept")
    finally:
        upstream.start()
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "relay is not running" in answer.json()["detail"]


def test_sigterm_lets_open_requests_end(upstream, tmp_path):
    process = ServedProcess(
        "cli.dev.front_door:application",
        free_port(),
        tmp_path / "log",
        RELAY_FRONT_DOOR_RELAY_URL=f"http://127.0.0.1:{upstream.port}",
    )
    process.start()
    url = f"http://127.0.0.1:{process.port}/v1/ticks"
    with socket.create_connection(("127.0.0.1", process.port)):  # idle, and holds up no stop
        with httpx.stream("POST", url, content=b"{}", timeout=20) as answer:
            chunks = answer.iter_raw()
            received = next(chunks)  # so it is open
            process.process.terminate()
            received += b"".join(chunks)
        assert process.process.wait(20) == 0
    assert received.count(b"data:") == 5


def _memory_mib(process):
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return (
        int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
        / 1024
    )


def _until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
