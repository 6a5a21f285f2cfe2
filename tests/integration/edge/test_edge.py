"""The edge's real nginx, from the chart's own template, before a function."""

import json
import re
import signal
import socket
import time

import httpx
import pytest

from cli.dev.front_door_routes import Route
from cli.dev.ports import free_port
from common.dialects import DIALECTS
from common.domain.refusals import Reason, Refusal
from tests.support.edge import KEY_ADMIN_HOST, RELAY_HOST, Edge, NameServer
from tests.support.front_door_paths import ALL, METRICS, TRICKS
from tests.support.processes import ServedProcess

TOKEN = "the-edge-token-of-this-test"
TOKEN_LINE = f'proxy_set_header X-Relay-Edge-Token "{TOKEN}";\n'
HOSTS = {Route.RELAY: RELAY_HOST, Route.KEY_ADMIN: KEY_ADMIN_HOST}
ULID = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}", re.IGNORECASE)
PAUSE_S = 0.2
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    log = tmp_path_factory.mktemp("upstream") / "log"
    process = ServedProcess("tests.support.upstream:application", free_port(), log)
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def names():
    server = NameServer(RELAY_HOST, KEY_ADMIN_HOST)
    yield server
    server.close()


@pytest.fixture(scope="module")
def make_edge(upstream, names):
    """Makes a started edge; each is removed at the end."""
    made = []

    def make(*, start=True, token_line=TOKEN_LINE, **values):
        values = {"resolver": names.address, "backendPort": upstream.port} | values
        edge = Edge(port=free_port(), token_line=token_line, **values)
        made.append(edge)
        if start:
            edge.start()
        return edge

    yield make
    for edge in made:
        edge.remove()


@pytest.fixture(scope="module")
def edge(make_edge):
    return make_edge()


@pytest.fixture
def client(edge):
    with httpx.Client(base_url=f"http://127.0.0.1:{edge.port}", timeout=20) as client:
        yield client


def test_the_table_of_the_front_door(edge):
    wrong = {path: found for path, want in ALL.items() if (found := _where(edge, path)) is not want}
    assert not wrong


def test_closed_paths_wake_nobody(edge, client):
    before = client.get("/v1/seen").json()["requests"]
    for path in (*METRICS, *TRICKS, b"/", b"/health/live"):
        edge.ask(path)
    assert client.get("/v1/seen").json()["requests"] == before


def test_an_absolute_request_target_is_held_to_the_table_too(edge):
    answer = json.loads(edge.ask(b"http://other.test/v1/describe")[2])
    assert answer["raw_path"] == "/v1/describe"
    assert _where(edge, b"http://other.test/v1/../internal/x") is Route.NOWHERE
    assert _where(edge, b"http://other.test/metrics") is Route.NOWHERE


def test_internal_can_be_kept_off_the_edge(make_edge):
    edge = make_edge(exposeInternal=False)
    assert _where(edge, b"/internal/describe") is Route.NOWHERE
    assert _where(edge, b"/admin/describe") is Route.KEY_ADMIN
    assert _where(edge, b"/v1/describe") is Route.RELAY


def test_requests_cross_unchanged(client):
    answer = client.post(
        "/v1/models/openai%2Fgpt-4o?a=1%202&b=%2F&a=3",
        content=b'{"odd":  1.0}',
        headers={"authorization": "Bearer cr_x", "content-type": "application/json"},
    )
    got = answer.json()
    assert got["raw_path"] == "/v1/models/openai%2Fgpt-4o"
    assert got["query"] == "a=1%202&b=%2F&a=3"
    assert got["body"] == '{"odd":  1.0}'
    headers = dict(got["headers"])
    assert headers["authorization"] == "Bearer cr_x"
    assert headers["content-length"] == "13"
    assert answer.headers["x-kept"] == "1"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "keep-alive" not in answer.headers


def test_what_says_who_the_caller_is_comes_from_the_edge_only(edge):
    forged = (
        "x-forwarded-for: 1.2.3.4",
        "X-Forwarded-For: 1.2.3.5",
        "x-forwarded-proto: https",
        "x-forwarded-host: evil.test",
        "X-Forwarded-Prefix: /x",
        "forwarded: for=1.2.3.4",
        "x-real-ip: 1.2.3.4",
        "x-relay-edge-token: guessed",
        "x_relay_edge_token: guessed",
        "knative-serving-tag: old",
        "te: trailers",
        "upgrade: websocket",
        "proxy-authorization: x",
    )
    assert sorted(_headers(edge, *forged)) == [
        ("host", RELAY_HOST),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "edge.test:1"),
        ("x-forwarded-proto", "http"),
        ("x-relay-edge-token", TOKEN),
    ]


def test_without_a_token_a_guessed_one_does_not_cross(make_edge):
    edge = make_edge(token_line='proxy_set_header X-Relay-Edge-Token "";\n')
    assert "x-relay-edge-token" not in dict(_headers(edge, "x-relay-edge-token: guessed"))


def test_a_missing_token_file_stops_the_start_by_name(make_edge):
    edge = make_edge(start=False)
    (edge.directory / "token.conf").unlink()
    with pytest.raises(RuntimeError, match=r"token\.conf.*No such file"):
        edge.start()


def test_trusted_proxies_are_believed_hop_by_hop(make_edge):
    edge = make_edge(trustedProxies=["127.0.0.0/8", "10.0.0.0/8"])
    told = ("x-forwarded-proto: https", "x-forwarded-host: relay.example.com")
    headers = dict(_headers(edge, "x-forwarded-for: 6.6.6.6, 9.9.9.9, 10.1.1.1", *told))
    # 6.6.6.6 is what 9.9.9.9, whom nobody trusts, claims to be.
    assert headers["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == "relay.example.com"
    assert dict(_headers(edge))["x-forwarded-for"] == "127.0.0.1"


def test_a_proxy_that_is_not_trusted_is_the_caller(make_edge):
    edge = make_edge(trustedProxies=["10.0.0.0/8"])
    headers = dict(_headers(edge, "x-forwarded-for: 10.1.1.1", "x-forwarded-proto: https"))
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"


def test_an_answer_cannot_steer_the_edge(client):
    answer = client.get("/v1/steer")
    assert answer.json() == {"steered": False}
    assert not [name for name in answer.headers if name.startswith("x-accel")]


@pytest.mark.parametrize("smuggled", [("transfer-encoding: chunked",), ("content-length: 1",)])
def test_two_lengths_are_refused(edge, client, smuggled):
    before = client.get("/v1/seen").json()["requests"]
    status, _, _ = edge.ask(
        "/v1/describe", *smuggled, method="POST", body=b"5\r\nhello\r\n0\r\n\r\n"
    )
    assert status == 400
    assert client.get("/v1/seen").json()["requests"] == before


@pytest.mark.parametrize(
    ("path", "headers", "dialect"),
    [
        ("/v1//chat/completions", (), "openai"),
        ("/v1beta//x", (), "openai"),
        ("/v1/messages/../x", (), "anthropic"),
        ("/v1//x", ("anthropic-version: 2023-06-01",), "anthropic"),
    ],
)
def test_an_unknown_path_is_answered_as_relay_answers_it(edge, path, headers, dialect):
    status, got_headers, got = edge.ask(path, *headers)
    refusal = Refusal(Reason.UNKNOWN_ROUTE, "There is nothing at this path.")
    _assert_as_relay(dialect, refusal, status, got_headers, got)


@pytest.mark.parametrize(
    ("path", "headers", "dialect"),
    [("/v1/chat/completions", (), "openai"), ("/v1/messages", (), "anthropic")],
)
def test_a_body_over_the_limit_is_answered_as_relay_answers_it(edge, path, headers, dialect):
    body = b"x" * (32 * MIB + 1)
    status, got_headers, got = edge.ask(path, *headers, method="POST", body=body)
    refusal = Refusal(Reason.REQUEST_TOO_LARGE, "The request body is larger than 32 MiB.")
    _assert_as_relay(dialect, refusal, status, got_headers, got)


def test_a_body_at_the_limit_passes(client):
    assert len(client.post("/v1/describe", content=b"x" * 32 * MIB).json()["body"]) == 32 * MIB


def test_a_chunked_body_over_the_limit_is_refused(client):
    answer = client.post("/v1/slow-reader", content=(b"x" * MIB for _ in range(40)))
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large"


@pytest.mark.parametrize("path", ["/nothing", "/v1/usage//x", "/internal/../x"])
def test_elsewhere_the_edge_answers_with_problem_details(edge, path):
    status, headers, body = edge.ask(path)
    problem = json.loads(body)
    assert status == problem["status"] == 404
    assert headers["content-type"] == "application/problem+json"
    assert problem["title"] == "Not Found"
    assert problem["request_id"] == headers["x-request-id"]
    assert ULID.fullmatch(headers["x-request-id"])


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (b"/v1/%zz", (), 400),
        (b"/v1/" + b"a" * 20_000, (), 414),
        (b"/v1/describe", ("x-long: " + "a" * 20_000,), 431),
        (b"/v1/describe", ("transfer-encoding: magic",), 501),
    ],
    ids=["escape", "path", "header", "coding"],
)
def test_what_is_not_http_is_answered_in_json(edge, path, headers, status):
    got_status, got_headers, body = edge.ask(path, *headers)
    assert got_status == status
    assert json.loads(body)["error"]["message"]
    assert ULID.fullmatch(got_headers["x-request-id"])
    assert "nginx/" not in got_headers["server"]


def test_each_answer_has_a_request_id_of_its_own(edge):
    ids = {edge.ask("/nothing")[1]["x-request-id"] for _ in range(5)}
    ids |= {edge.ask("/health/live")[1]["x-request-id"] for _ in range(5)}
    assert len(ids) == 10


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
    before = client.get("/v1/seen").json()["disconnects"]
    with socket.create_connection(("127.0.0.1", edge.port)) as connection:
        request = f"POST /v1/wait{query} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{}}"
        connection.sendall(request.encode())
        time.sleep(0.5)
    _until(lambda: client.get("/v1/seen").json()["disconnects"] == before + 1)


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


def test_a_function_that_is_away_is_502_in_the_dialect(make_edge):
    edge = make_edge(backendPort=free_port())
    status, headers, body = edge.ask("/v1/chat/completions", method="POST", body=b"{}")
    assert status == 502
    assert headers["retry-after"] == "1"
    assert json.loads(body)["error"]["type"] == "server_error"
    assert json.loads(edge.ask("/internal/x")[2])["status"] == 502


def test_a_function_that_does_not_answer_in_time_is_504(make_edge):
    edge = make_edge(timeoutSeconds=1)
    status, _, body = edge.ask("/v1/messages/slow")
    assert status == 504
    assert json.loads(body)["error"]["type"] == "timeout_error"


def test_the_log_is_json_without_what_is_secret(make_edge):
    edge = make_edge()
    edge.ask("/v1/describe?key=secret-in-query", "authorization: Bearer secret-in-header")
    edge.ask("/v1/messages/../x?key=secret-in-query")
    edge.ask(b"/v1/\x7f?key=secret-in-query")
    edge.ask("/health/live")
    assert edge.stop() == 0
    text = edge.log.read_text()
    assert "secret-in" not in text
    assert TOKEN not in text
    first, second = edge.logged()[:2]
    assert (first["path"], first["status"], first["route"]) == ("/v1/describe", 200, "relay")
    assert first["upstream_status"] == "200"
    assert (second["status"], second["route"]) == (404, "nowhere")
    assert ULID.fullmatch(second["request_id"])
    assert not [line for line in edge.logged() if line["path"].startswith("/health")]
    # Whatever else nginx wrote would be a warning of its own.
    assert all(line.startswith("{") for line in text.splitlines())


def test_failures_leave_no_query_string_in_the_log_either(make_edge):
    edge = make_edge(backendPort=free_port())
    assert edge.ask("/v1/describe?key=secret-in-query")[0] == 502
    assert edge.stop() == 0
    assert "secret-in-query" not in edge.log.read_text()
    assert edge.logged()[0]["status"] == 502


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


def _where(edge, path):
    """Where the edge led a request, told from what the function saw."""
    status, headers, body = edge.ask(path)
    content = json.loads(body)
    if "raw_path" in content:
        assert content["raw_path"].encode("latin-1") == path
        return next(where for where, host in HOSTS.items() if ["host", host] in content["headers"])
    assert ULID.fullmatch(headers["x-request-id"])
    if status == 200:
        assert content == {"status": "ok"}
        return Route.EDGE
    assert status in {400, 404}
    return Route.NOWHERE


def _headers(edge, *headers):
    own = {"connection", "content-length"}
    seen = json.loads(edge.ask("/v1/describe", *headers)[2])["headers"]
    return [(name, value) for name, value in seen if name not in own]


def _assert_as_relay(dialect, refusal, status, headers, body):
    request_id = headers["x-request-id"]
    want_status, want_headers, want = DIALECTS[dialect].error_response(refusal, request_id)
    assert status == want_status
    assert json.loads(body) == json.loads(want)
    for name, value in want_headers:
        assert headers[name.decode()] == value.decode()


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
