"""What the edge answers and logs by itself."""

import json

import pytest

from cli.dev.front_door import NOTHING_HERE
from cli.dev.ports import free_port
from common.dialects import DIALECTS
from common.domain.refusals import Reason, Refusal
from tests.support.edge import TOKEN, ULID

MIB = 1024 * 1024


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


@pytest.mark.parametrize("path", ["/", "/nothing", "/v1/usage//x", "/internal/../x"])
def test_elsewhere_the_edge_answers_with_problem_details(edge, path):
    status, headers, body = edge.ask(path)
    problem = json.loads(body)
    assert status == problem["status"] == 404
    assert headers["content-type"] == "application/problem+json"
    assert problem["title"] == "Not Found"
    assert problem["detail"] == problem["error"]["message"] == NOTHING_HERE
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


def _assert_as_relay(dialect, refusal, status, headers, body):
    request_id = headers["x-request-id"]
    want_status, want_headers, want = DIALECTS[dialect].error_response(refusal, request_id)
    assert status == want_status
    assert json.loads(body) == json.loads(want)
    for name, value in want_headers:
        assert headers[name.decode()] == value.decode()
