"""Responses that a provider keeps: for their own tenant, from their own account, billed once."""

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import msgspec
import pytest
import redis

from common.state.client import RedisPyCommands
from common.state.stored_responses import StoredResponse, StoredResponses
from tests.support.asking import asked
from tests.support.echo import EchoProcess
from tests.support.relay_process import (
    OPENAI_CREDENTIAL,
    PREFIX,
    STORED_CREDENTIAL,
    RelayProcess,
    eventually,
    run,
    stored_account,
)

RESPONSES = "/v1/responses"
TEAM, OTHER_TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAV", "01ARYZ6S41TSV4RRFFQ69G5FAW"
KEPT_S = 31 * 24 * 3600
CALLS = [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")]
each_call = pytest.mark.parametrize(
    ("method", "rest"), CALLS, ids=["get", "del", "cancel", "items"]
)


@pytest.fixture
def own(tmp_path, redis_server, echo):
    """A relay before a Redis that the test may stop."""
    with RelayProcess(tmp_path, redis_server, echo.url) as process:
        process.reset()
        yield process
        redis_server.start()


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def make(relay, key="", **members):
    """A response, whose record is settled when this returns."""
    answer = relay.client.post(
        RESPONSES,
        json=json.loads(asked("responses", **members).body),
        headers=bearer(key or relay.key),
    )
    assert answer.status_code == 200, answer.text
    relay.record(answer.headers["x-request-id"])
    return answer


def id_of(answer):
    if answer.headers["content-type"].startswith("text/event-stream"):
        first = answer.text.partition("data: ")[2].partition("\n")[0]
        return json.loads(first)["response"]["id"]
    return answer.json()["id"]


def call(relay, identifier, method="GET", rest="", key="", **options):
    path = f"{RESPONSES}/{identifier}{rest}"
    return relay.client.request(method, path, headers=bearer(key or relay.key), **options)


def check_not_found(answer, identifier):
    assert answer.status_code == 404, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("not_found_error", "id")
    assert identifier in error["message"]
    assert answer.headers["x-should-retry"] == "false"


def remember(relay, identifier, account_id, tenant=TEAM):
    """As if this account had made that response for this tenant."""

    async def put():
        commands = RedisPyCommands.from_url(relay.redis.url)
        stored = StoredResponse(account_id, tenant)
        await StoredResponses(commands, PREFIX).remember(identifier, stored)
        await commands.close()

    run(put())


@contextlib.contextmanager
def provider_that_says(answer):
    """A provider that says so to whoever asks, and hangs up."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_is_read_again_deleted_and_gone(relay, echo, stream):
    made = make(relay, stream=stream)
    identifier = id_of(made)
    read = call(relay, identifier)
    assert read.status_code == 200
    assert (read.json()["id"], read.json()["status"]) == (identifier, "completed")
    if not stream:
        assert read.json() == made.json()
    items = call(relay, identifier, rest="/input_items", params={"limit": "1", "order": "asc"})
    assert items.json()["data"][0]["content"][0]["text"] == "hello my world"
    assert echo.last()["query"] == "limit=1&order=asc"
    deleted = call(relay, identifier, "DELETE")
    assert deleted.json() == {"id": identifier, "object": "response", "deleted": True}
    eventually(lambda: call(relay, identifier).json()["error"]["param"] == "id")
    check_not_found(call(relay, identifier), identifier)


def test_what_is_read_again_is_not_billed_again(relay, echo):
    identifier = id_of(make(relay))
    for method, rest in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel"), ("DELETE", "")):
        answer = call(relay, identifier, method, rest)
        line = relay.log_line(answer.headers["x-request-id"])
        assert (line["admitted"], line["account_id"]) == (False, None)
        assert line["endpoint"].startswith("responses.")
        assert answer.headers["x-request-id"] == echo.requests()[-1]["request_id"]
    assert len(relay.records()) == 1
    assert relay.open_leases() == (0, 0)


@each_call
def test_anothers_response_does_not_exist(relay, echo, method, rest):
    other = relay.project_key()
    team_key = relay.project_key(team_id=TEAM)
    identifier = id_of(make(relay))
    for key in (other, team_key):
        check_not_found(call(relay, identifier, method, rest, key), identifier)
    check_not_found(call(relay, "resp_of_nobody", method, rest), "resp_of_nobody")
    assert len(echo.requests()) == 1
    assert call(relay, identifier).status_code == 200


def test_a_team_shares_its_responses(relay):
    first, second = relay.project_key(team_id=TEAM), relay.project_key(team_id=TEAM)
    identifier = id_of(make(relay, first))
    assert call(relay, identifier, key=second).status_code == 200
    check_not_found(call(relay, identifier, key=relay.project_key(team_id=OTHER_TEAM)), identifier)
    check_not_found(call(relay, identifier), identifier)
    assert call(relay, identifier, "DELETE", key=second).status_code == 200


def test_a_key_needs_the_scope(relay):
    identifier = id_of(make(relay))
    key = relay.project_key(scopes=["chat"])
    answer = call(relay, identifier, key=key)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


@each_call
def test_other_methods(relay, method, rest):
    others = {"GET", "DELETE", "POST", "PUT"} - {one for one, path in CALLS if path == rest}
    for other in others:
        answer = call(relay, "resp_1", other, rest)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {
            one for one, path in CALLS if path == rest
        }


def test_what_is_not_stored_cannot_be_read(relay):
    for stream in (False, True):
        identifier = id_of(make(relay, store=False, stream=stream))
        check_not_found(call(relay, identifier), identifier)


def test_a_conversation_goes_on_from_the_callers_own_response_only(relay, echo):
    first = make(relay, input="one two three")
    followed = make(relay, previous_response_id=id_of(first), input="four")
    assert followed.json()["previous_response_id"] == id_of(first)
    assert followed.json()["usage"]["input_tokens"] == 7
    answer = relay.client.post(
        RESPONSES,
        json={"model": "gpt-4o-mini", "input": "x", "previous_response_id": id_of(first)},
        headers=bearer(relay.project_key()),
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "previous_response_id"
    assert len(echo.requests()) == 2
    assert len(relay.records()) == 2


def test_a_response_is_asked_of_the_account_that_made_it(relay, echo, tmp_path):
    with EchoProcess(tmp_path) as second:
        account = stored_account(second.url)
        relay.project_accounts(account)
        there = id_of(make(relay))
        assert [asked["status"] for asked in second.requests()] == [200]
        relay.project_accounts(stored_account(second.url, enabled=False))
        here = id_of(make(relay))
        # Both are there, and the other one first.
        relay.project_accounts(account)
        for identifier, process, credential in (
            (there, second, STORED_CREDENTIAL),
            (here, echo, OPENAI_CREDENTIAL),
        ):
            process.clear()
            assert call(relay, identifier).json()["id"] == identifier
            assert process.last()["headers"]["authorization"] == f"Bearer {credential}"
            assert make(relay, previous_response_id=identifier).json()["status"] == "completed"
            assert [asked["method"] for asked in process.requests()] == ["GET", "POST"]
        accounts = [record.account_id for record in relay.records()]
        assert [one == account.id for one in accounts] == [True, False, True, False]


@pytest.mark.parametrize("change", ["disabled", "deleted"])
def test_an_account_that_serves_no_more(relay, echo, tmp_path, change):
    with EchoProcess(tmp_path) as second:
        account = stored_account(second.url)
        relay.project_accounts(account)
        identifier = id_of(make(relay))
        second.clear()
        disabled = msgspec.structs.replace(account, enabled=False)
        relay.project_accounts(*([disabled] if change == "disabled" else []))
        check_not_found(call(relay, identifier), identifier)
        body = {"model": "gpt-4o-mini", "input": "x", "previous_response_id": identifier}
        answer = relay.client.post(RESPONSES, json=body)
        assert answer.status_code == 404
        assert second.requests() == echo.requests() == []
        relay.project_accounts(account)
        assert call(relay, identifier).status_code == 200


@each_call
def test_redis_away(own, redis_server, echo, method, rest):
    identifier = id_of(make(own))
    echo.clear()
    redis_server.stop()
    answer = call(own, identifier, method, rest)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["code"] == "state_unavailable"
    assert echo.requests() == []


def test_responses_are_remembered_for_as_long_as_the_provider_keeps_them(relay):
    identifier = id_of(make(relay))
    with redis.Redis.from_url(relay.redis.url) as client:
        assert KEPT_S - 60 < client.ttl(f"relay:response:{identifier}") <= KEPT_S


ERROR = b'{"error":{"message":"no","type":"t","param":null,"code":null}}'
FAILURES = {
    "unknown": (b"404 Not Found", ERROR, 404, None),
    "wrong": (b"400 Bad Request", ERROR, 400, None),
    "credential": (b"401 Unauthorized", ERROR, 502, "upstream_credential"),
    "limited": (b"429 Too Many", ERROR, 429, "rate_limit_exceeded"),
    "page": (b"500 Internal Server Error", b"<html>", 502, "upstream_error"),
    "broken": (b"503 Unavailable", ERROR, 503, None),
    "redirect": (b"302 Found\r\nlocation: http://127.0.0.1:1/", b"", 502, "upstream_garbage"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_providers_failure_is_told_in_the_dialect(relay, failure):
    status, body, shown, code = FAILURES[failure]
    head = b"HTTP/1.1 " + status + b"\r\ncontent-type: application/json\r\ncontent-length: "
    with provider_that_says(head + str(len(body)).encode() + b"\r\n\r\n" + body) as url:
        account = stored_account(url)
        relay.project_accounts(account)
        key = relay.project_key(team_id=TEAM)
        remember(relay, "resp_x", account.id)
        answer = call(relay, "resp_x", key=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (shown, code)
    assert answer.headers["x-request-id"]
    assert STORED_CREDENTIAL not in answer.text


CREATED = b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_x"}}'


@pytest.mark.parametrize("before", [b": hello", b": a\n\n: b", b"event: new\ndata: {}"])
@pytest.mark.parametrize("apart", [False, True])
def test_a_stream_is_remembered_whatever_comes_before_its_first_event(relay, before, apart):
    """The caller has the id, and the provider is not done yet."""
    ends = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            self.wfile.write(before + b"\n\n")
            if apart:
                time.sleep(0.2)
            self.wfile.write(CREATED + b"\n\n")
            ends.wait(10)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        account = stored_account(f"http://127.0.0.1:{server.server_address[1]}")
        relay.project_accounts(account)
        body = {"model": "gpt-4o-mini", "input": "x", "stream": True}
        with (
            redis.Redis.from_url(relay.redis.url) as client,
            relay.client.stream("POST", RESPONSES, json=body) as answer,
        ):
            seen = b""
            for chunk in answer.iter_raw():
                seen += chunk
                if b"resp_x" in seen:
                    break
            kept = client.get("relay:response:resp_x")
            ends.set()
        server.shutdown()
    assert seen.startswith(before + b"\n\n")
    assert kept is not None
    assert account.id.encode() in kept


def test_a_provider_that_is_away(relay):
    with provider_that_says(b"") as url:
        account = stored_account(url)
    relay.project_accounts(account)
    remember(relay, "resp_x", account.id)
    answer = call(relay, "resp_x", key=relay.project_key(team_id=TEAM))
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_unreachable"
    assert answer.headers["retry-after"] == "2"


@pytest.mark.parametrize("framing", [b"transfer-encoding: chunked", b"content-length: 100"])
def test_an_answer_that_the_provider_cuts_never_looks_whole(relay, framing):
    content = b'3\r\n{"i\r\n' if b"chunked" in framing else b'{"i'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + framing + b"\r\n\r\n"
    with provider_that_says(head + content) as url:
        account = stored_account(url)
        relay.project_accounts(account)
        remember(relay, "resp_x", account.id)
        before = len(relay.log_lines("request"))
        with pytest.raises(httpx.RemoteProtocolError):
            call(relay, "resp_x", key=relay.project_key(team_id=TEAM))
    eventually(lambda: len(relay.log_lines("request")) > before)
    line = relay.log_lines("request")[-1]
    assert (line["reason"], line["interruption"]) == ("upstream_cut", None)
