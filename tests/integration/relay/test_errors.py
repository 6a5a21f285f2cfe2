"""What relay refuses by itself: in the caller's dialect, by name, and without asking a provider."""

import json
import time

import httpx
import pytest

from tests.support.relay_process import CHAT, MESSAGES, PATHS, ask

DIALECTS = ("openai", "anthropic")
STYLES = {
    "authorization": "Bearer {}",
    "x-api-key": "{}",
    "api-key": "{}",
    "x-goog-api-key": "{}",
}
TYPES = {
    400: ("invalid_request_error", "invalid_request_error"),
    401: ("authentication_error", "authentication_error"),
    403: ("permission_error", "permission_error"),
    404: ("not_found_error", "not_found_error"),
    405: ("invalid_request_error", "invalid_request_error"),
    413: ("invalid_request_error", "request_too_large"),
    415: ("invalid_request_error", "invalid_request_error"),
}
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def nothing_else_happens(relay, echo):
    """A refusal costs nobody anything: no provider is asked, nothing is leased or posted."""
    yield
    assert echo.requests() == []
    assert relay.open_leases() == (0, 0)
    assert relay.records() == []


def refusal(answer, dialect, status):
    """The `error` member of a refusal that is as its dialect's SDK wants it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-should-retry"] == "false"
    body = answer.json()
    error = body["error"]
    assert error["type"] == TYPES[status][dialect == "anthropic"]
    assert error["message"]
    request_id = answer.headers["x-request-id"]
    if dialect == "anthropic":
        assert set(body) == {"type", "error", "request_id"}
        assert body["type"] == "error"
        assert body["request_id"] == request_id == answer.headers["request-id"]
        assert set(error) == {"type", "message"}
    else:
        assert set(body) == {"error"}
        assert set(error) == {"message", "type", "param", "code", "request_id"}
        assert error["request_id"] == request_id
    return error


def post(relay, dialect, body=None, headers=None, **options):
    """A request without `client`'s own key."""
    if body is not None:
        options["json"] = body
    headers = {"authorization": f"Bearer {relay.key}", **(headers or {})}
    return httpx.post(
        relay.url + PATHS[dialect],
        headers={name: value for name, value in headers.items() if value is not None},
        trust_env=False,
        timeout=30,
        **options,
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_key(relay, dialect):
    for headers in (
        {"authorization": None},
        {"authorization": "Bearer"},
        {"authorization": "Basic YTpi"},
        {"authorization": None, "x-api-key": ""},
    ):
        answer = post(relay, dialect, ask(dialect), headers)
        error = refusal(answer, dialect, 401)
        assert "No API key" in error["message"]
        assert answer.headers["www-authenticate"] == "Bearer"
        assert error.get("code", "missing_api_key") == "missing_api_key"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_keys_that_may_not(relay, dialect, style):
    past_ms = int(time.time() * 1000) - 1
    for secret, word in (
        (relay.project_key(status="revoked"), "revoked"),
        (relay.project_key(status="disabled"), "revoked"),
        (relay.project_key(ends_ms=past_ms), "expired"),
        ("x" * 513, "Incorrect"),
    ):
        headers = {"authorization": None, style: STYLES[style].format(secret)}
        error = refusal(post(relay, dialect, ask(dialect), headers), dialect, 401)
        assert word in error["message"]
        assert error.get("code", "invalid_api_key") == "invalid_api_key"


def test_a_key_may_until_it_is_revoked(relay):
    key = relay.project_key(ends_ms=int(time.time() * 1000) + 60_000)
    models = {"authorization": f"Bearer {key}"}
    assert relay.client.get("/v1/models", headers=models).status_code == 200
    relay.project_key(secret=key, status="revoked")
    error = refusal(relay.client.get("/v1/models", headers=models), "openai", 401)
    assert error["message"] == "This API key has been revoked."


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_key_has_no_right_to(relay, dialect):
    key = relay.project_key(scopes=["models"])
    error = refusal(post(relay, dialect, ask(dialect), _bearer(key)), dialect, 403)
    assert repr({"openai": "chat", "anthropic": "messages"}[dialect]) in error["message"]
    for rights in ({"models_deny": ["*"]}, {"models_allow": ["other-*"]}):
        key = relay.project_key(**rights)
        error = refusal(post(relay, dialect, ask(dialect), _bearer(key)), dialect, 403)
        assert repr(ask(dialect)["model"]) in error["message"]
        assert error.get("param", "model") == "model"
    key = relay.project_key(scopes=["chat"])
    answer = httpx.get(f"{relay.url}/v1/models", headers=_bearer(key), trust_env=False)
    assert "'models'" in refusal(answer, "openai", 403)["message"]


def _bearer(key):
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/chat", "/v1/chat/completions/", "/v2/x?a=b"])
def test_unknown_routes(relay, path):
    error = refusal(relay.client.post(path, json={}), "openai", 404)
    assert path.partition("?")[0] in error["message"]
    headers = {"anthropic-version": "2023-06-01"}
    refusal(relay.client.post(path, json={}, headers=headers), "anthropic", 404)


def test_unknown_routes_below_messages(relay):
    refusal(relay.client.post("/v1/messages/none", json={}), "anthropic", 404)


def test_unknown_models(relay):
    refusal(relay.client.get("/v1/models/none"), "openai", 404)
    headers = {"anthropic-version": "2023-06-01"}
    refusal(relay.client.get("/v1/models/none", headers=headers), "anthropic", 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_other_methods(relay, dialect, method):
    answer = relay.client.request(method, PATHS[dialect])
    refusal(answer, dialect, 405)
    assert answer.headers["allow"] == "POST"


def test_models_are_only_read(relay):
    for path in ("/v1/models", "/v1/models/gpt-4o"):
        answer = relay.client.post(path, json={})
        refusal(answer, "openai", 405)
        assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_request_too_large(relay, dialect):
    body = json.dumps(ask(dialect, "x" * (32 * MIB))).encode()
    headers = {"content-type": "application/json"}
    error = refusal(post(relay, dialect, headers=headers, content=body), dialect, 413)
    assert "32 MiB" in error["message"]

    def chunks():
        for start in range(0, len(body), MIB):
            yield body[start : start + MIB]

    error = refusal(post(relay, dialect, headers=headers, content=chunks()), dialect, 413)
    assert "32 MiB" in error["message"]
    assert relay.client.get("/health/ready").status_code == 200


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"hello",
        b'{"model": "a",}',
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"model": "\xff"}',
        b'{"model": NaN}',
        b"[" * 100_000,
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=range(11),
)
def test_bodies_that_are_no_request(relay, dialect, body):
    headers = {"content-type": "application/json"}
    answer = post(relay, dialect, headers=headers, content=body)
    assert "body" in refusal(answer, dialect, 400)["message"]


WRONG = [
    ("model", {"model": 5}),
    ("model", {"model": None}),
    ("model", {"model": ""}),
    ("model", {"model": "x" * 257}),
    ("messages", {"messages": "hello"}),
    ("messages[0].role", {"messages": [{"role": 1}]}),
    ("messages[0].role", {"messages": [{"content": "a"}]}),
    ("messages[0]", {"messages": ["hello"]}),
    ("stream", {"stream": "yes"}),
    ("max_tokens", {"max_tokens": "many"}),
    ("max_tokens", {"max_tokens": 0}),
    ("max_tokens", {"max_tokens": -5}),
    ("max_tokens", {"max_tokens": 1.5}),
    ("max_tokens", {"max_tokens": 2**31}),
]
WRONG_IN_CHAT = [
    ("n", {"n": 0}),
    ("n", {"n": "2"}),
    ("max_completion_tokens", {"max_completion_tokens": True}),
    ("stream_options", {"stream_options": 5}),
    ("stream_options.include_usage", {"stream_options": {"include_usage": 1}}),
]


@pytest.mark.parametrize(("field", "fields"), WRONG + WRONG_IN_CHAT)
def test_the_field_at_fault_is_named_to_openais_clients(relay, field, fields):
    error = refusal(relay.client.post(CHAT, json=ask("openai") | fields), "openai", 400)
    assert error["param"] == field
    assert f"'{field}'" in error["message"]


@pytest.mark.parametrize(("field", "fields"), WRONG)
def test_the_field_at_fault_is_named_to_anthropics_clients(relay, field, fields):
    error = refusal(relay.client.post(MESSAGES, json=ask("anthropic") | fields), "anthropic", 400)
    assert f"'{field}'" in error["message"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_fields_that_are_missing(relay, dialect):
    for field in ask(dialect):
        body = {name: value for name, value in ask(dialect).items() if name != field}
        error = refusal(relay.client.post(PATHS[dialect], json=body), dialect, 400)
        assert error["message"] == f"Missing required parameter: '{field}'"
        assert error.get("param", field) == field


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("field", "headers"),
    [
        ("Content-Type", {}),
        ("Content-Type", {"content-type": "text/plain"}),
        ("Content-Type", {"content-type": "application/x-www-form-urlencoded"}),
        ("Content-Encoding", {"content-type": "application/json", "content-encoding": "gzip"}),
    ],
)
def test_other_contents(relay, dialect, field, headers):
    answer = post(relay, dialect, headers=headers, content=json.dumps(ask(dialect)).encode())
    assert field in refusal(answer, dialect, 415)["message"]


def test_pages_that_make_no_sense(relay):
    headers = {"anthropic-version": "2023-06-01"}
    for query in ("limit=0", "limit=x", "after_id=none"):
        answer = relay.client.get(f"/v1/models?{query}", headers=headers)
        assert query.partition("=")[0] in refusal(answer, "anthropic", 400)["message"]
