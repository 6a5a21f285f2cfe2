"""Errors are problem details that name what to do; the master key opens, and nothing else."""

import http.client
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from common.domain.forwarded import counted_as
from common.domain.ids import is_ulid
from common.state.client import RedisPyCommands
from common.store.database import Database
from functions.key_admin.authenticate import check_master_key
from functions.key_admin.problem import Problem
from tests.support.key_admin import EDGE_TOKEN, KEYS, MASTER_KEY, new_address, served_key_admin
from tests.support.processes import logged_lines
from tests.support.relay_process import eventually

USAGE = "/internal/usage"
UNKNOWN = "01ARYZ6S41TSV4RRFFQ69G5FAV"
JSON = {"content-type": "application/json"}
NO_KEY = (
    "Nothing says who calls. Send the master key, or the token of a session or of a service "
    "account, as `Authorization: Bearer <it>`."
)
WRONG_HEADERS = [(b"authorization", b"Bearer wrong")]
WRONG_KEY = "The master key is wrong."
ROUTES = [
    ("POST", KEYS), ("GET", KEYS), ("GET", f"{KEYS}/{UNKNOWN}"), ("DELETE", f"{KEYS}/{UNKNOWN}"),
    ("POST", f"{KEYS}/{UNKNOWN}/revoke"), ("GET", USAGE), ("GET", f"{USAGE}/records"),
]  # fmt: skip


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log) as key_admin:
        yield key_admin


@pytest.fixture
def key_admin(served, redis_server):
    """The module's process, with an empty Redis."""
    return served


@pytest.fixture
def unchanged(key_admin):
    """Holds that the test made nothing."""
    statement = "SELECT (SELECT count(*) FROM api_keys) k, (SELECT count(*) FROM audit) a"
    before = key_admin.rows(statement)
    yield
    assert key_admin.rows(statement) == before


def problem(answer, status):
    """The problem that an answer is, with what every problem has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == status
    assert said["title"]
    assert said["detail"]
    assert is_ulid(said["request_id"])
    assert said["request_id"] == answer.headers["x-request-id"]
    return said


def fields(answer):
    """The fields that a 422 names, each with a message."""
    said = problem(answer, 422)
    assert all(error["message"] and set(error) == {"field", "message"} for error in said["errors"])
    found = [error["field"] for error in said["errors"]]
    assert all(field in said["detail"] for field in found)
    return found


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("name", "", "name"), ("name", " ", "name"), ("name", "a\nb", "name"),
        ("name", "a\0b", "name"), ("name", "x" * 201, "name"), ("name", 5, "name"),
        ("name", None, "name"), ("user_id", "", "user_id"), ("user_id", "a\tb", "user_id"),
        ("user_id", ["u"], "user_id"), ("scopes", ["chat", "admin"], "scopes"),
        ("scopes", "chat", "scopes"), ("scopes", ["chat"] * 51, "scopes"),
        ("scopes", [1], "scopes[0]"), ("models", [], "models"),
        ("models", {"allow": "gpt-*"}, "models.allow"),
        ("models", {"allow": ["ok", ""]}, "models.allow[1]"),
        ("models", {"deny": ["x" * 257]}, "models.deny[0]"),
        ("models", {"deny": ["m"] * 101}, "models.deny"),
        ("models", {"allowed": []}, "models.allowed"), ("expires_at", "soon", "expires_at"),
        ("expires_at", "2020-01-01T00:00:00Z", "expires_at"),
        ("expires_at", "2990-01-01T00:00:00", "expires_at"),
        ("expires_at", "9999-12-31T23:59:59-12:00", "expires_at"),
        ("tags", ["ok", " "], "tags[1]"), ("tags", ["t"] * 51, "tags"),
        ("unheard_of", 1, "unheard_of"), ("Name", "x", "Name"), ("status", "active", "status"),
        ("limits", {"rpm": 5}, "limits.rpm"), ("limits", [], "limits"),
        ("limits", {"concurrency": 0}, "limits.concurrency"),
        ("limits", {"tokens_per_day": 1.5}, "limits.tokens_per_day"),
        ("limits", {"window": {"minutes": 0}}, "limits.window.minutes"),
        ("limits", {"window": {"minutes": 5, "usd": "-1"}}, "limits.window.usd"),
        ("budgets", {}, "budgets"), ("budgets", [{"period": "day", "usd": 1}], "budgets[0].usd"),
        ("budgets", [{"period": "day", "usd": "1e3"}], "budgets[0].usd"),
        ("budgets", [{"period": "year", "usd": "1"}], "budgets[0].period"),
        ("budgets", [{"period": "day", "usd": "1", "policy": "x"}], "budgets[0].policy"),
        ("budgets", [{"period": "day", "usd": "1"}] * 2, "budgets"),
        ("calendar", {"timezone": "Mars/Base"}, "calendar.timezone"),
        ("calendar", {"week_starts_on": "Sun"}, "calendar.week_starts_on"),
        ("calendar", {"day_starts_at": 24}, "calendar.day_starts_at"),
        ("team_id", UNKNOWN, "team_id"), ("account_id", UNKNOWN, "account_id"),
        ("group_id", UNKNOWN, "group_id"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(key_admin, unchanged, member, value, field):
    assert fields(key_admin.create(**{member: value})) == [field]


def test_all_wrong_fields_are_named_at_once(key_admin, unchanged):
    answer = key_admin.create(name="", tags=[""], models={"deny": [1]}, surplus=1, limits={"x": 1})
    expected = ["name", "tags[0]", "models.deny[0]", "surplus", "limits.x"]
    assert sorted(fields(answer)) == sorted(expected)


def test_a_missing_name_is_named(key_admin, unchanged):
    assert fields(key_admin.call("POST", KEYS, json={})) == ["name"]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"name"', b"7"])
def test_a_body_that_is_no_object_is_named_as_such(key_admin, unchanged, body):
    assert fields(key_admin.call("POST", KEYS, content=body, headers=JSON)) == ["body"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"name=x", b'{"name":"x",}', b"\xff\xfe", b"[" * 9999, b'{"name":"\\ud800"}'],
)
def test_what_is_no_json_is_malformed(key_admin, unchanged, body):
    said = problem(key_admin.call("POST", KEYS, content=body, headers=JSON), 400)
    assert said["title"] == "Malformed JSON"
    assert "errors" not in said


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "json"])
def test_another_content_type_is_refused(key_admin, unchanged, kind):
    headers = {} if kind is None else {"content-type": kind}
    answer = key_admin.call("POST", KEYS, content=b'{"name":"x"}', headers=headers)
    assert "application/json" in problem(answer, 415)["detail"]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_content_types_other_spellings_are_good(key_admin, kind):
    answer = key_admin.call(
        "POST", KEYS, content='{"name":"ü"}'.encode(), headers={"content-type": kind}
    )
    assert (answer.status_code, answer.json()["name"]) == (201, "ü")


def test_a_body_is_at_most_a_mebibyte(key_admin):
    body = json.dumps({"name": "just fits"}).encode()
    fits = body + b" " * (1024 * 1024 - len(body))
    assert key_admin.call("POST", KEYS, content=fits, headers=JSON).status_code == 201
    answer = key_admin.call("POST", KEYS, content=fits + b" ", headers=JSON)
    assert "1048576" in problem(answer, 413)["detail"]
    streamed = key_admin.call("POST", KEYS, content=iter([fits, b" "]), headers=JSON)
    problem(streamed, 413)


@pytest.mark.parametrize("path", ["/admin/login", "/portal/login", "/portal/check", "/auth/logout"])
def test_a_form_of_anybody_is_short(key_admin, path):
    form = {"api_key": "x" * 16 * 1024}
    answer = key_admin.call("POST", path, authorization=None, data=form)
    assert (answer.status_code, "16384" in answer.text) == (413, True)


@pytest.mark.parametrize("name", [UNKNOWN, UNKNOWN.lower(), "nothing", "%00", "1" * 300])
def test_an_unknown_key_is_not_found(key_admin, unchanged, name):
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/revoke")):
        said = problem(key_admin.call(method, f"{KEYS}/{name}{path}"), 404)
        assert "There is no key with the id" in said["detail"]
        assert len(said["detail"]) < 120


@pytest.mark.parametrize("path", ["/", "/internal", "/internal/keys", f"{KEYS}/", f"{KEYS}/a/b"])
def test_an_unknown_path_is_not_found(key_admin, path):
    assert path in problem(key_admin.get(path), 404)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", KEYS, {"GET", "HEAD", "POST"}),
        ("DELETE", KEYS, {"GET", "HEAD", "POST"}),
        ("PUT", f"{KEYS}/{UNKNOWN}", {"DELETE", "GET", "HEAD", "PATCH"}),
        ("GET", f"{KEYS}/{UNKNOWN}/revoke", {"POST"}),
        ("POST", USAGE, {"GET", "HEAD"}),
        ("DELETE", f"{USAGE}/records", {"GET", "HEAD"}),
    ],
)
def test_another_method_is_told_which_there_are(key_admin, method, path, allowed):
    answer = key_admin.call(method, path)
    assert method in problem(answer, 405)["detail"]
    assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"), ({"limit": "501"}, "limit"), ({"limit": "x"}, "limit"),
        ({"cursor": "x"}, "cursor"), ({"cursor": ""}, "cursor"), ({"status": "lapsed"}, "status"),
        ({"user_id": "a\0b"}, "user_id"), ({"page": "2"}, "page"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_named(key_admin, query, field):
    assert fields(key_admin.get(KEYS, **query)) == [field]


@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        (None, NO_KEY), ("", NO_KEY), ("Bearer", NO_KEY),
        (MASTER_KEY, NO_KEY), ("Basic bWFzdGVyOmtleQ==", NO_KEY), (f"Basic {MASTER_KEY}", NO_KEY),
        (f"Bearer {MASTER_KEY}x", WRONG_KEY), (f"Bearer {MASTER_KEY[:-1]}", WRONG_KEY),
        (f"Bearer {MASTER_KEY.upper()}", WRONG_KEY), (b"Bearer \xff", WRONG_KEY),
    ],
)  # fmt: skip
def test_only_the_master_key_opens(key_admin, authorization, detail):
    answer = key_admin.call("GET", KEYS, authorization=authorization)
    assert problem(answer, 401)["detail"] == detail
    assert answer.headers["www-authenticate"] == "Bearer"
    assert MASTER_KEY not in answer.text


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("authorization", [None, "Bearer wrong"])
def test_nothing_is_open_to_everybody(key_admin, unchanged, method, path, authorization):
    problem(key_admin.call(method, path, authorization=authorization), 401)


@pytest.mark.parametrize("authorization", [f"bearer {MASTER_KEY}", f"BEARER  {MASTER_KEY}"])
def test_the_scheme_may_be_written_in_any_case(key_admin, authorization):
    assert key_admin.call("GET", KEYS, authorization=authorization).status_code == 200


def wrong(key_admin, times, **call):
    for number in range(times):
        answer = key_admin.call("GET", KEYS, authorization=f"Bearer wrong {number}", **call)
        assert answer.status_code == 401


def test_ten_different_wrong_keys_close_the_address_for_a_minute(key_admin):
    address = new_address()
    wrong(key_admin, 9, address=address)
    assert key_admin.call("GET", KEYS, address=address).status_code == 200
    wrong(key_admin, 10, address=address)
    for authorization in (f"Bearer {MASTER_KEY}", "Bearer wrong", None):
        answer = key_admin.call("GET", KEYS, address=address, authorization=authorization)
        problem(answer, 429)
        assert answer.headers["retry-after"] == "60"
    assert key_admin.get(KEYS).status_code == 200
    with key_admin.redis() as connection:
        (name,) = connection.scan_iter("{relay}:auth-failures:*")
        assert counted_as(address) in name
        assert connection.scard(name) == 10
        assert 0 < connection.pttl(name) <= 60_000
        assert not any("wrong" in member for member in connection.smembers(name))
        connection.delete(name)
    assert key_admin.call("GET", KEYS, address=address).status_code == 200


def test_a_network_of_ipv6_is_closed_as_one_address(key_admin):
    network = new_address().partition("::")[0]
    for number in range(10):
        call = {"authorization": f"Bearer wrong {number}", "address": f"{network}::{number + 1}"}
        assert key_admin.call("GET", KEYS, **call).status_code == 401
    problem(key_admin.call("GET", KEYS, address=f"{network}:a:b:c:d"), 429)


def test_a_job_with_one_wrong_key_shuts_nobody_out(key_admin):
    """However often it calls, from behind the administrator's own address."""
    address = new_address()
    for _ in range(15):
        wrong(key_admin, 1, address=address)
    assert key_admin.call("GET", KEYS, address=address).status_code == 200


def test_a_missing_key_is_no_guess(key_admin):
    address = new_address()
    for authorization in (None, "Basic eDp5"):
        for _ in range(11):
            answer = key_admin.call("GET", KEYS, address=address, authorization=authorization)
            assert answer.status_code == 401
    assert key_admin.call("GET", KEYS, address=address).status_code == 200


def test_without_the_edges_token_the_peer_is_counted(key_admin):
    liar = {"x-relay-edge-token": "not " + EDGE_TOKEN}
    for number in range(10):
        lie = {"address": f"192.0.2.{number}", "headers": liar}
        answer = key_admin.call("GET", KEYS, authorization=f"Bearer wrong {number}", **lie)
        assert answer.status_code == 401
    problem(key_admin.call("GET", KEYS, address="192.0.2.99", headers=liar), 429)
    problem(key_admin.call("GET", KEYS, headers={"x-relay-edge-token": ""}), 429)
    # The same address, from the edge's mouth: nobody has failed there.
    assert key_admin.call("GET", KEYS, address="192.0.2.1").status_code == 200


async def test_guesses_that_a_dead_process_left_without_an_end_get_one(redis_url):
    """It died after it had written one and before it said until when."""
    commands = RedisPyCommands.from_url(redis_url)
    address = new_address()
    name = f"{{relay}}:auth-failures:master-key:{counted_as(address)}"
    await commands.call("SADD", name, "left")
    settings = SimpleNamespace(master_key=MASTER_KEY, state_prefix="{relay}")
    scope = {"type": "http", "relay.address": address, "headers": WRONG_HEADERS}
    services = SimpleNamespace(
        redis=commands,
        settings=settings,
        grace_key=b"any",
        database=Database("postgresql://nobody@127.0.0.1:1/none"),
    )
    with pytest.raises(Problem):
        await check_master_key(services, Request(scope), "wrong")
    await services.database.close()
    assert await commands.call("SCARD", name) == 2
    assert 0 < await commands.call("PTTL", name) <= 60_000
    await commands.close()


@pytest.mark.parametrize(
    ("path", "field", "words"),
    [
        (f"{KEYS}?team_id=x", "team_id", "must be an id as an answer of this API gave it"),
        (f"{KEYS}?limt=3", "limt", "is not known here"),
        (f"{KEYS}?user_id=%00", "user_id", "must not contain the character NUL"),
    ],
)
def test_a_message_is_for_people(key_admin, path, field, words):
    (error,) = problem(key_admin.call("GET", path), 422)["errors"]
    assert error["field"] == field
    assert error["message"].startswith(words)


def test_a_missing_field_and_a_wrong_address_are_in_plain_words(key_admin):
    (error,) = problem(key_admin.call("POST", KEYS, json={}), 422)["errors"]
    assert error == {"field": "name", "message": "is required"}
    body = {"id": "bob", "email": "bob"}
    (error,) = problem(key_admin.call("POST", "/internal/users", json=body), 422)["errors"]
    assert "alice@example.com" in error["message"]


def test_what_is_not_there_and_what_it_takes_instead_are_said(key_admin):
    assert "/docs" in problem(key_admin.call("GET", "/internal/nothing"), 404)["detail"]
    detail = problem(key_admin.call("PUT", "/internal/teams"), 405)["detail"]
    assert detail == "/internal/teams takes GET, HEAD, POST, not PUT."


def test_what_was_asked_is_logged_without_secrets(key_admin):
    answer = key_admin.create(name="logged")
    line = logged(key_admin.log, answer.headers["x-request-id"])
    assert (line["method"], line["path"], line["status"]) == ("POST", KEYS, 201)
    assert line["event"] == "request"
    text = key_admin.log.read_text()
    assert answer.json()["key"] not in text
    assert MASTER_KEY not in text


def logged(log, request_id):
    """The line of a request, which is written just after its answer."""

    def found():
        return [line for line in logged_lines(log) if line.get("request_id") == request_id]

    eventually(found)
    return found()[0]


def test_health_needs_no_key_and_a_lost_caller_does_no_harm(key_admin):
    for path in ("/health/live", "/health/ready"):
        answer = key_admin.call("GET", path, authorization=None)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    host, _, port = key_admin.url.removeprefix("http://").partition(":")
    lost = http.client.HTTPConnection(host, int(port))
    lost.putrequest("POST", KEYS)
    lost.putheader("authorization", f"Bearer {MASTER_KEY}")
    lost.putheader("content-type", "application/json")
    lost.putheader("content-length", "1000")
    lost.endheaders(b'{"name":')
    lost.close()
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert key_admin.create(expires_at=later).status_code == 201
