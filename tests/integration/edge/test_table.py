"""Through the real nginx: where paths lead, and what a function hears of the caller."""

import json

import pytest

from cli.dev.front_door_routes import Route
from tests.support.edge import RELAY_HOST, TOKEN
from tests.support.front_door_paths import ALL, METRICS, TRICKS


def test_the_table_of_the_front_door(edge):
    wrong = {path: found for path, want in ALL.items() if (found := edge.where(path)) is not want}
    assert not wrong


def test_closed_paths_wake_nobody(edge, client):
    before = client.get("/v1/seen").json()["requests"]
    for path in (*METRICS, *TRICKS, b"/", b"/health/live"):
        edge.ask(path)
    assert client.get("/v1/seen").json()["requests"] == before


def test_an_absolute_request_target_is_held_to_the_table_too(edge):
    answer = json.loads(edge.ask(b"http://other.test/v1/describe")[2])
    assert answer["raw_path"] == "/v1/describe"
    assert edge.where(b"http://other.test/v1/../internal/x") is Route.NOWHERE
    assert edge.where(b"http://other.test/metrics") is Route.NOWHERE


def test_internal_can_be_kept_off_the_edge(make_edge):
    edge = make_edge(exposeInternal=False)
    assert edge.where(b"/internal/describe") is Route.NOWHERE
    assert edge.where(b"/admin/describe") is Route.KEY_ADMIN
    assert edge.where(b"/v1/describe") is Route.RELAY


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
    assert sorted(edge.headers_seen(*forged)) == [
        ("host", RELAY_HOST),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "edge.test:1"),
        ("x-forwarded-proto", "http"),
        ("x-relay-edge-token", TOKEN),
    ]


def test_without_a_token_a_guessed_one_does_not_cross(make_edge):
    edge = make_edge(token_line='proxy_set_header X-Relay-Edge-Token "";\n')
    assert "x-relay-edge-token" not in dict(edge.headers_seen("x-relay-edge-token: guessed"))


def test_a_missing_token_file_stops_the_start_by_name(make_edge):
    edge = make_edge(start=False)
    (edge.directory / "token.conf").unlink()
    with pytest.raises(RuntimeError, match=r"token\.conf.*No such file"):
        edge.start()


def test_trusted_proxies_are_believed_hop_by_hop(make_edge):
    edge = make_edge(trustedProxies=["127.0.0.0/8", "10.0.0.0/8"])
    told = ("x-forwarded-proto: https", "x-forwarded-host: relay.example.com")
    headers = dict(edge.headers_seen("x-forwarded-for: 6.6.6.6, 9.9.9.9, 10.1.1.1", *told))
    # 6.6.6.6 is what 9.9.9.9, whom nobody trusts, claims to be.
    assert headers["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == "relay.example.com"
    assert dict(edge.headers_seen())["x-forwarded-for"] == "127.0.0.1"


def test_a_proxy_that_is_not_trusted_is_the_caller(make_edge):
    edge = make_edge(trustedProxies=["10.0.0.0/8"])
    headers = dict(edge.headers_seen("x-forwarded-for: 10.1.1.1", "x-forwarded-proto: https"))
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
