"""What reaches the provider and what reaches the caller: every byte but those that must not."""

import re

import httpx
import pytest

from common.domain.ids import is_ulid
from common.identifiers import new_ulid
from tests.support.relay_process import (
    ANTHROPIC_CREDENTIAL,
    CHAT,
    MESSAGES,
    OPENAI_CREDENTIAL,
    PATHS,
    STORED_CREDENTIAL,
    ask,
    capturing,
    events,
    stored_account,
    without_made_up,
)

DIALECTS = ("openai", "anthropic")
CREDENTIALS = {"openai": OPENAI_CREDENTIAL, "anthropic": ANTHROPIC_CREDENTIAL}
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = {
    "openai": [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}],
    "anthropic": [{"name": "weather", "input_schema": WEATHER}],
}
# A whole answer of its dialect, for a provider that only listens.
CHAT_ANSWER = b'{"choices":[],"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2}}'


@pytest.fixture
def direct(echo):
    with httpx.Client(
        base_url=echo.url, headers={"authorization": "Bearer k"}, trust_env=False
    ) as client:
        yield client


def same(direct, relay, path, body):
    """Ask both ways; both answers, ids aside."""
    answers = [client.post(path, json=body) for client in (direct, relay.client)]
    assert [answer.status_code for answer in answers] == [200, 200]
    return [without_made_up(answer.content) for answer in answers]


ASKED = [
    pytest.param("openai", {}, id="chat"),
    pytest.param("openai", {"n": 3}, id="three choices"),
    pytest.param("openai", {"max_tokens": 2}, id="cut by the limit"),
    pytest.param("openai", {"content": "größer 日本 \u2028 \U0001f600 ends"}, id="not ASCII"),
    pytest.param("openai", {"content": "[[echo reasoning=7 cached=2]] a b c"}, id="reasoning"),
    pytest.param(
        "openai",
        {"content": 'call weather {"city": "Bern"}', "tools": TOOLS["openai"]},
        id="openai tool call",
    ),
    pytest.param("anthropic", {}, id="message"),
    pytest.param("anthropic", {"content": "größer 日本 ends"}, id="message, not ASCII"),
    pytest.param("anthropic", {"content": "[[echo cached=2 cache_write=1]] a b c d"}, id="cache"),
    pytest.param(
        "anthropic",
        {"content": 'call weather {"city": "Bern"}', "tools": TOOLS["anthropic"]},
        id="anthropic tool call",
    ),
]


@pytest.mark.parametrize(("dialect", "fields"), ASKED)
def test_whole_answers_are_the_providers_own(direct, relay, dialect, fields):
    there, here = same(direct, relay, PATHS[dialect], ask(dialect, **fields))
    assert here == there


@pytest.mark.parametrize(("dialect", "fields"), ASKED)
def test_streams_are_the_providers_own(direct, relay, dialect, fields):
    body = ask(dialect, **fields, stream=True)
    there, here = same(direct, relay, PATHS[dialect], body)
    assert events(here) == events(there)
    assert len(events(here)) > 3


@pytest.mark.parametrize("options", [{}, {"include_obfuscation": False}])
def test_usage_that_was_asked_for_is_in_the_stream(direct, relay, options):
    body = ask("openai", stream=True, stream_options={"include_usage": True, **options})
    there, here = same(direct, relay, CHAT, body)
    assert here == there
    assert b'"usage":{"prompt_tokens":3,' in here


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"stream_options": None},
        {"stream_options": {}},
        {"stream_options": {"include_usage": False}},
        {"stream_options": {"include_usage": None}},
    ],
)
def test_usage_that_was_not_asked_for_is_counted_and_not_shown(direct, relay, echo, fields):
    answer = relay.client.post(CHAT, json=ask("openai", stream=True, **fields))
    assert b"usage" not in answer.content
    there = direct.post(CHAT, json=ask("openai", stream=True)).content
    assert without_made_up(answer.content) == without_made_up(there)
    record = relay.record(answer.headers["x-request-id"])
    assert record.usage_source == "reported"
    asked = echo.requests()[0]
    assert record.tokens.input == asked["input_tokens"] == 3
    assert record.tokens.output == asked["output_tokens"] == 3


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True])
def test_tokens_are_the_providers_count(relay, echo, dialect, stream):
    body = ask(dialect, "one two three four five, six!", stream=stream)
    headers = {"x-echo-fault": "cached=3 reasoning=5"}
    answer = relay.client.post(PATHS[dialect], json=body, headers=headers)
    record = relay.record(answer.headers["x-request-id"])
    (asked,) = echo.requests()
    assert asked["completed"]
    counted = [asked[name] for name in ("input_tokens", "output_tokens", "cache_read")]
    tokens = record.tokens
    assert [tokens.input, tokens.output, tokens.cache_read] == counted
    assert counted == [5, 13, 3]
    assert tokens.reasoning == (5 if dialect == "openai" else 0)
    assert (record.status, record.finish_cause) == ("ok", "complete")
    assert record.usage_source == "reported"
    assert record.dialect == record.provider == dialect


def test_without_usage_figures_the_record_says_that_it_is_an_estimate(relay):
    for stream in (False, True):
        body = ask("openai", "[[echo usage=none]] one two three", stream=stream)
        record = relay.record(relay.client.post(CHAT, json=body).headers["x-request-id"])
        assert (record.status, record.usage_source) == ("ok", "estimated")
        assert record.tokens.input > 0
        assert record.tokens.output > 0


def test_unknown_fields_arrive(relay, echo):
    extra = {"logit_bias": {"50256": -100}, "x_new": [1, {"deep": None}], "temperature": 0.10}
    relay.client.post(CHAT, json=ask("openai", **extra)).raise_for_status()
    assert echo.last()["body"] == ask("openai", **extra)
    relay.client.post(MESSAGES, json=ask("anthropic", x_new=[1.0, "a"])).raise_for_status()
    assert echo.last()["body"] == ask("anthropic", x_new=[1.0, "a"])


ODD = (
    b'\n{ "messages" :\t[{"role":"user","content":"a\\u00e4\\/b"}] ,\r\n "seed":1.0e2,'
    b'"big":12345678901234567890123, "model":"captured", "a":1,"a":2 %s }\n '
)


def test_odd_bytes_arrive_untouched(relay):
    with capturing(CHAT_ANSWER) as (url, seen):
        relay.project_accounts(stored_account(url))
        body = ODD % b""
        headers = {"content-type": "application/json; charset=utf-8"}
        answer = relay.client.post(CHAT, content=body, headers=headers)
        assert answer.content == CHAT_ANSWER
        assert [(path, received) for path, _, received in seen] == [(CHAT, body)]


def test_asking_for_usage_changes_one_span_of_the_bytes(relay):
    with capturing(CHAT_ANSWER) as (url, seen):
        relay.project_accounts(stored_account(url))
        given = b', "stream" : true, "stream_options" : { "x" : 1.50 } '
        wanted = given.replace(b"{ ", b'{"include_usage":true, ')
        headers = {"content-type": "application/json"}
        relay.client.post(CHAT, content=ODD % given, headers=headers).raise_for_status()
        ((_, _, received),) = seen
        assert received == ODD % wanted


def test_a_model_is_served_by_another_name(relay, echo):
    account = stored_account(echo.url, models={"house-model": "gpt-4o-mini"})
    relay.project_accounts(account)
    answer = relay.client.post(CHAT, json=ask("openai", model="house-model"))
    assert answer.status_code == 200
    assert echo.last()["body"] == ask("openai", model="gpt-4o-mini")
    assert echo.last()["headers"]["authorization"] == f"Bearer {STORED_CREDENTIAL}"
    assert STORED_CREDENTIAL not in relay.log.read_text()
    record = relay.record(answer.headers["x-request-id"])
    assert (record.account_id, record.model_requested) == (account.id, "house-model")
    assert record.model_served == answer.json()["model"] == "gpt-4o-mini-2024-07-18"
    assert record.cost_usd != "0.000000000000"


def test_globs_of_an_account_are_served_and_not_listed(relay, echo):
    account = stored_account(
        echo.url, models={"gpt-4*": "gpt-4*", "house-*": "gpt-4o", "own": "o3"}
    )
    relay.project_accounts(account)
    for asked, served in (("gpt-4o-mini", "gpt-4o-mini"), ("house-9", "gpt-4o"), ("own", "o3")):
        answer = relay.client.post(CHAT, json=ask("openai", model=asked))
        assert echo.last()["body"]["model"] == served
        assert relay.record(answer.headers["x-request-id"]).account_id == account.id
    answer = relay.client.post(CHAT, json=ask("openai", model="o3"))
    assert relay.record(answer.headers["x-request-id"]).account_id != account.id
    names = [model["id"] for model in relay.client.get("/v1/models").json()["data"]]
    assert {"own", "gpt-4o"} <= set(names)
    assert not any("*" in name for name in names)


def test_headers_of_the_provider(direct, relay):
    denied = re.compile(
        r"x-ratelimit-|anthropic-ratelimit-|openai-organization|anthropic-organization"
    )
    for dialect, passes in (("openai", "openai-processing-ms"), ("anthropic", "request-id")):
        for stream in (False, True):
            body = ask(dialect, stream=stream)
            there = direct.post(PATHS[dialect], json=body).headers
            here = relay.client.post(PATHS[dialect], json=body).headers
            assert [name for name in there if denied.match(name)]
            assert [name for name in here if denied.match(name)] == []
            assert passes in here
            assert here["content-type"] == there["content-type"]
            assert is_ulid(here["x-request-id"])
            assert len(here.get_list("x-request-id")) == 1


def test_headers_that_are_no_callers_business(relay):
    given = [
        ("set-cookie", "session=1; path=/"),
        ("set-cookie", "other=2"),
        ("keep-alive", "timeout=99"),
        ("proxy-authenticate", "Basic"),
        ("trailer", "x-later"),
        ("upgrade", "h2c"),
        ("strict-transport-security", "max-age=1"),
        ("www-authenticate", "Bearer"),
        ("openai-project", "proj_1"),
        ("x-should-retry", "true"),
        ("anthropic-priority-input-tokens-remaining", "9"),
        ("anthropic-fast-output-tokens-limit", "9"),
        ("server", "theirs"),
        ("x-new-header", "passes"),
        ("openai-version", "2020-10-01"),
    ]
    with capturing(CHAT_ANSWER, *given) as (url, _):
        relay.project_accounts(stored_account(url))
        answer = relay.client.post(CHAT, json=ask("openai", model="captured"))
    assert answer.status_code == 200
    assert answer.headers.get_list("set-cookie") == []
    passed = {name for name, _ in given} & set(answer.headers)
    assert passed - {"server"} == {"x-new-header", "openai-version"}
    assert answer.headers.get("server") != "theirs"
    assert answer.headers["content-length"] == str(len(CHAT_ANSWER))


def test_the_callers_headers(relay):
    sent = {
        "user-agent": "OpenAI/Python 3.0",
        "x-stainless-lang": "python",
        "idempotency-key": "i-1",
        "openai-beta": "b=1",
        "accept-encoding": "gzip, br",
        "cookie": "mine=1",
        "x-forwarded-for": "10.1.2.3",
        "forwarded": "for=10.1.2.3",
        "x-relay-edge-token": "t",
        "openai-organization": "org-of-the-caller",
        "x-anything": "1",
        "te": "trailers",
    }
    with capturing(CHAT_ANSWER) as (url, seen):
        relay.project_accounts(stored_account(url))
        answer = relay.client.post(CHAT, json=ask("openai", model="captured"), headers=sent)
        ((_, received, _),) = seen
    names = {"user-agent", "x-stainless-lang", "openai-beta"}
    assert {name: received[name] for name in names} == {name: sent[name] for name in names}
    assert received["accept-encoding"] == "identity"
    assert received["x-client-request-id"] == answer.headers["x-request-id"]
    gone = set(sent) - names - {"accept-encoding", "idempotency-key"}
    assert [name for name in gone if name in received] == []
    assert relay.record(answer.headers["x-request-id"]).client == "OpenAI/Python"


def test_idempotency_keys_are_the_tenants_own(relay):
    """Two tenants share an account: the provider must not take the one for the other."""
    one, other = new_ulid(), new_ulid()
    keys = [relay.project_key(team_id=team) for team in (one, one, other)] + [relay.key]
    with capturing(CHAT_ANSWER) as (url, seen):
        relay.project_accounts(stored_account(url))
        for key in (*keys, keys[0]):
            headers = {"authorization": f"Bearer {key}", "idempotency-key": "i-1"}
            body = ask("openai", model="captured")
            relay.client.post(CHAT, json=body, headers=headers).raise_for_status()
    a, a_too, b, alone, a_again = [received["idempotency-key"] for _, received, _ in seen]
    assert a == a_too == a_again
    assert len({a, b, alone, "i-1"}) == 4


@pytest.mark.parametrize("agent", [b"", b"caf\xc3\xa9/1", b"caf\xe9/1", b"x" * 3000])
def test_any_user_agent_is_served(relay, agent):
    headers = [(b"user-agent", agent)]
    answer = relay.client.post(CHAT, json=ask("openai"), headers=headers)
    assert answer.status_code == 200
    client = relay.record(answer.headers["x-request-id"]).client
    assert client is None or len(client) <= 64


@pytest.mark.parametrize("dialect", DIALECTS)
def test_credentials_stay_on_their_side(relay, echo, dialect):
    path, credential = PATHS[dialect], CREDENTIALS[dialect]
    for name, value in (
        ("authorization", f"Bearer {relay.key}"),
        ("x-api-key", relay.key),
        ("api-key", relay.key),
        ("x-goog-api-key", relay.key),
    ):
        headers = {name: value, "content-type": "application/json"}
        answer = httpx.post(relay.url + path, json=ask(dialect), headers=headers, trust_env=False)
        assert answer.status_code == 200, name
        assert credential not in str(answer.headers) + answer.text
        last = str(echo.last())
        assert relay.key not in last
        assert credential in last
    assert relay.key not in relay.log.read_text()
    assert credential not in relay.log.read_text()


def test_anthropics_version_is_given_and_kept(relay, echo):
    relay.client.post(MESSAGES, json=ask("anthropic")).raise_for_status()
    assert echo.last()["headers"]["anthropic-version"] == "2023-06-01"
    headers = {"anthropic-version": "2023-01-01", "anthropic-beta": "a-1,b-2"}
    relay.client.post(MESSAGES, json=ask("anthropic"), headers=headers).raise_for_status()
    received = echo.last()["headers"]
    assert {name: received[name] for name in headers} == headers


@pytest.mark.parametrize("stream", [False, True])
def test_one_id_in_header_log_record_and_at_the_provider(relay, echo, stream):
    answer = relay.client.post(
        CHAT, json=ask("openai", stream=stream), headers={"x-request-id": "mine"}
    )
    request_id = answer.headers["x-request-id"]
    assert is_ulid(request_id)
    line, record = relay.log_line(request_id), relay.record(request_id)
    assert [asked["request_id"] for asked in echo.requests()] == [request_id]
    assert (line["status"], line["admitted"], line["stream"]) == (200, True, stream)
    assert (line["tokens_input"], line["tokens_output"]) == (3, 3)
    assert (line["key_id"], line["account_id"]) == (record.key_id, record.account_id)
    assert record.user_id == "alice"
    assert record.latency_ms >= record.first_token_ms >= 0
    assert relay.open_leases() == (0, 0)


def test_ids_are_in_refusals_too(relay):
    for path in (CHAT, "/v1/nothing", "/v1/models/none"):
        answer = relay.client.get(path)
        assert answer.status_code in (404, 405)
        line = relay.log_line(answer.headers["x-request-id"])
        assert (line["status"], line["admitted"]) == (answer.status_code, False)
    assert relay.records() == []


def test_models_are_listed_in_the_callers_dialect(relay):
    key = relay.project_key(models_deny=["gpt-*"], models_allow=["o*", "gpt-4o", "claude-*"])
    headers = {"authorization": f"Bearer {key}"}
    listed = relay.client.get("/v1/models", headers=headers).json()
    names = [model["id"] for model in listed["data"]]
    # Whoever serves it: what is of another dialect is translated.
    assert {name[0] for name in names} == {"o", "c"}
    assert not any(name.startswith("gpt-") for name in names)
    one = relay.client.get(f"/v1/models/{names[0]}", headers=headers).json()
    assert one == listed["data"][0]
    headers["anthropic-version"] = "2023-06-01"
    page = relay.client.get("/v1/models?limit=2", headers=headers).json()
    assert [model["type"] for model in page["data"]] == ["model", "model"]
    assert page["has_more"]
    assert [model["id"] for model in page["data"]] == names[:2]
    assert relay.client.get("/v1/models/gpt-4o", headers=headers).status_code == 404
    assert relay.records() == []
