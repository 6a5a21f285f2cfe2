"""What becomes of a provider's failures: the answer, the record, and who is asked next."""

import anthropic
import openai
import pytest

from common.domain.accounts import built_in_account_id
from common.domain.usage import Tokens
from tests.support.relay_process import (
    PATHS,
    RelayProcess,
    ask,
    events,
    eventually,
    stored_account,
)

DIALECTS = ("openai", "anthropic")
OWN = "passed on"  # the provider's own body goes to the caller
# fault: status (openai, anthropic), the record's error code, `x-should-retry`, `retry-after`
FAILURES = {
    "status=400": ((400, 400), "upstream_error", OWN, None),
    "status=404": ((404, 404), "upstream_error", OWN, None),
    "status=413": ((413, 413), "upstream_error", OWN, None),
    "status=422": ((422, 422), "upstream_error", OWN, None),
    "status=500": ((500, 500), "upstream_error", OWN, None),
    "status=503": ((503, 503), "upstream_overloaded", OWN, None),
    "status=503,retry_after=9": ((503, 503), "upstream_overloaded", OWN, "9"),
    "status=529": ((529, 529), "upstream_overloaded", OWN, None),
    "status=401": ((502, 502), "upstream_credential", "false", None),
    "status=403": ((502, 502), "upstream_credential", "false", None),
    "status=402": ((502, 502), "upstream_credential", "false", None),
    "status=429": ((429, 429), "upstream_rate_limited", None, "5"),
    "status=429,retry_after=7": ((429, 429), "upstream_rate_limited", None, "7"),
    "status=429,retry_after=0.5": ((429, 429), "upstream_rate_limited", None, "1"),
    "status=503,garbage=html": ((503, 529), "upstream_overloaded", None, "10"),
    "status=500,garbage=html": ((502, 502), "upstream_error", None, None),
    "status=500,empty_body": ((502, 502), "upstream_error", None, None),
    "status=400,garbage=html": ((502, 502), "upstream_garbage", None, None),
    "status=400,empty_body": ((502, 502), "upstream_garbage", None, None),
    "reset": ((502, 502), "upstream_cut", None, None),
    "garbage=html": ((502, 502), "upstream_garbage", None, None),
    "garbage=json": ((502, 502), "upstream_garbage", None, None),
    "garbage=binary": ((502, 502), "upstream_garbage", None, None),
    "empty_body": ((502, 502), "upstream_garbage", None, None),
    "redirect": ((502, 502), "upstream_garbage", None, None),
    "redirect,status=307": ((502, 502), "upstream_garbage", None, None),
}
HALVES = {
    "half_json=lying": ((502, 502), "upstream_cut", None, None),
    "half_json=close": ((502, 502), "upstream_garbage", None, None),
    "half_json=exact": ((502, 502), "upstream_garbage", None, None),
}
NO_EVENTS = {
    "cut_after=0": ((502, 502), "upstream_cut", None, None),
    "reset_after=0": ((502, 502), "upstream_cut", None, None),
    "error_after=0": ((502, 502), "upstream_error", None, None),
}


@pytest.fixture(scope="module")
def running_impatient(tmp_path_factory, running_redis, running_echo):
    limits = {"RELAY_FIRST_BYTE_TIMEOUT_S": "1", "RELAY_IDLE_TIMEOUT_S": "1"}
    directory = tmp_path_factory.mktemp("impatient")
    with RelayProcess(directory, running_redis, running_echo.url, **limits) as process:
        yield process


@pytest.fixture
def impatient(running_impatient):
    running_impatient.reset()
    return running_impatient


def failing(relay, dialect, fault, **fields):
    """An answer, with the fault in a header, so that it does not count as input."""
    body = ask(dialect, **fields)
    return relay.client.post(PATHS[dialect], json=body, headers={"x-echo-fault": fault})


def check_error_body(answer, dialect):
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert body["error"]["message"]
    assert body["error"]["type"]
    if dialect == "anthropic":
        assert body["type"] == "error"
    return body["error"]["message"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("fault", "stream"),
    [(fault, stream) for fault in FAILURES for stream in (False, True)]
    + [(fault, False) for fault in HALVES]
    + [(fault, True) for fault in NO_EVENTS],
)
def test_failures_before_the_first_byte(relay, echo, dialect, fault, stream):
    statuses, code, retry, retry_after = (FAILURES | HALVES | NO_EVENTS)[fault]
    answer = failing(relay, dialect, fault, stream=stream)
    assert answer.status_code == statuses[dialect == "anthropic"]
    message = check_error_body(answer, dialect)
    assert message.startswith("echo: ") == (retry == OWN)
    assert answer.headers.get("x-should-retry") == (None if retry == OWN else retry)
    assert answer.headers.get("retry-after") == retry_after
    assert "x-ratelimit-limit-requests" not in answer.headers
    assert "location" not in answer.headers
    (asked,) = echo.requests()  # once, and nobody followed the redirect
    assert asked["request_id"] == answer.headers["x-request-id"]
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.finish_cause) == ("error", "upstream_error")
    assert (record.error_code, record.attempts) == (code, 1)
    if fault not in HALVES and fault not in NO_EVENTS:
        assert asked["input_tokens"] == asked["output_tokens"] == 0
    if fault != "error_after=0":
        assert record.tokens == Tokens()
        assert record.cost_usd == "0.000000000000"
    assert relay.open_leases() == (0, 0)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("cut_after=5", "upstream_cut"),
        ("reset_after=5", "upstream_cut"),
        ("error_after=5", "upstream_error"),
    ],
)
def test_failures_in_mid_stream(relay, echo, dialect, fault, code):
    fault += ",words=40,chunk_delay_ms=5"
    answer = failing(relay, dialect, fault, stream=True)
    assert answer.status_code == 200
    *good, last = events(answer.content)
    assert len(good) == 5
    check_broken_stream(answer.content, last, dialect)
    check_broken_record(relay, echo, answer, "upstream_error", code)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_provider_that_falls_silent_in_mid_stream(impatient, echo, dialect):
    answer = failing(impatient, dialect, "stall_after=5,words=40", stream=True)
    *good, last = events(answer.content)
    assert len(good) == 5
    check_broken_stream(answer.content, last, dialect)
    check_broken_record(impatient, echo, answer, "idle", "upstream_timeout")
    eventually(lambda: echo.requests()[0]["client_gone"])


def check_broken_stream(content, last, dialect):
    """The dialect's own error event ends it, and nothing looks like a clean end."""
    assert b"[DONE]" not in content
    assert b"message_stop" not in content
    assert b'"finish_reason":"' not in content
    if dialect == "openai":
        assert last.startswith(b'data: {"error":{"message":')
    else:
        assert last.startswith(b'event: error\ndata: {"type":"error","error":{"type":')
    assert content.count(b'"error":{') == 1


def check_broken_record(relay, echo, answer, cause, code):
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.finish_cause, record.error_code) == ("error", cause, code)
    assert record.usage_source == "estimated"
    (asked,) = echo.requests()
    assert asked["chunks_sent"] == 5
    if record.dialect == "anthropic":  # the figures of its first event
        assert record.tokens.input == asked["input_tokens"] == 3
    assert record.tokens.input > 0
    # Words of five or six letters: one and a half tokens each by size.
    assert asked["output_tokens"] <= record.tokens.output <= 2 * asked["output_tokens"]
    assert relay.open_leases() == (0, 0)


def test_the_official_clients_raise(relay):
    seen: list[object] = []
    fields = {"messages": ask("openai", "[[echo words=40,cut_after=5]]")["messages"]}
    client = openai.OpenAI(api_key=relay.key, base_url=f"{relay.url}/v1", max_retries=0)
    stream = client.chat.completions.create(model="gpt-4o-mini", stream=True, **fields)
    with pytest.raises(openai.APIError, match="openai broke the connection off"):
        seen.extend(stream)
    assert len(seen) == 5
    other = anthropic.Anthropic(api_key=relay.key, base_url=relay.url, max_retries=0)
    events_of_theirs = other.messages.create(
        model="claude-sonnet-5", max_tokens=50, stream=True, **fields
    )
    with pytest.raises(anthropic.APIStatusError, match="anthropic broke the connection off"):
        seen.extend(events_of_theirs)
    assert len(seen) > 5


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_does_not_answer_in_time(impatient, echo, dialect, stream):
    # The client waits 30 s, the provider would take 60.
    answer = failing(impatient, dialect, "delay_ms=60000", stream=stream)
    assert answer.status_code == 504
    assert "in time" in check_error_body(answer, dialect)
    record = impatient.record(answer.headers["x-request-id"])
    assert (record.status, record.error_code) == ("error", "upstream_timeout")
    assert record.tokens == Tokens()
    if not stream:  # a stream may be long: its request is bounded by the deadline alone
        eventually(lambda: echo.requests()[0]["client_gone"])
    assert impatient.open_leases() == (0, 0)


def test_a_stream_without_an_event_in_time(impatient, echo):
    answer = failing(impatient, "openai", "stall_after=0", stream=True)
    assert answer.status_code == 504
    check_error_body(answer, "openai")
    eventually(lambda: echo.requests()[0]["client_gone"])


def test_a_provider_that_cannot_be_reached(relay, echo):
    relay.project_accounts(stored_account("http://127.0.0.1:1", models={"lost": "lost"}))
    answer = failing(relay, "openai", "", model="lost")
    # The built-in account serves whatever it is asked for, so it is asked next.
    assert answer.status_code == 404
    record = relay.record(answer.headers["x-request-id"])
    assert (record.attempts, record.account_id) == (2, built_in_account_id("openai"))
    assert len(echo.requests()) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("fault", ["cut_after", "reset_after", "stall_after"])
def test_a_provider_breaking_off_after_the_last_event(impatient, echo, dialect, fault):
    # Events around three words; OpenAI's usage figures are one more, which the caller does not see.
    sent, seen = (7, 6) if dialect == "openai" else (9, 9)
    answer = failing(impatient, dialect, f"{fault}={sent},chunk_delay_ms=5", stream=True)
    whole = events(answer.content)
    assert len(whole) == seen
    assert b"[DONE]" in whole[-1] or b"message_stop" in whole[-1]
    record = impatient.record(answer.headers["x-request-id"])
    assert (record.status, record.finish_cause) == ("ok", "complete")
    assert record.error_code is None
    (asked,) = echo.requests()
    assert record.tokens.output == asked["output_tokens"] == 3


def test_an_event_that_is_no_json_passes(relay):
    answer = failing(relay, "openai", "garbage_after=3", stream=True)
    whole = events(answer.content)
    assert whole[3] == b'data: {"id":"chatcmpl-echo","object":"chat.comp'
    assert whole[-1] == b"data: [DONE]"
    assert relay.record(answer.headers["x-request-id"]).status == "ok"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault",
    ["status=500", "status=429", "status=401", "status=529", "reset", "garbage=html", "empty_body"],
)
def test_the_next_account_is_asked_before_the_first_byte(relay, echo, fault, stream):
    relay.project_accounts(stored_account(echo.url))
    answer = failing(relay, "openai", f"{fault},times=1", stream=stream)
    assert answer.status_code == 200
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.attempts, record.error_code) == ("ok", 2, None)
    assert record.account_id == built_in_account_id("openai")
    assert [asked["completed"] for asked in echo.requests()] == [False, True]
    assert record.tokens.output == 3
    assert relay.open_leases() == (0, 0)


def test_no_other_account_is_asked_after_the_first_byte(relay, echo):
    account = stored_account(echo.url)
    relay.project_accounts(account)
    answer = failing(relay, "openai", "words=40,cut_after=5,times=1,chunk_delay_ms=5", stream=True)
    check_broken_stream(answer.content, events(answer.content)[-1], "openai")
    record = relay.record(answer.headers["x-request-id"])
    assert (record.attempts, record.account_id) == (1, account.id)
    assert len(echo.requests()) == 1


def test_when_all_accounts_fail_the_last_failure_is_told(relay, echo):
    relay.project_accounts(stored_account(echo.url))
    answer = failing(relay, "openai", "status=500")
    assert answer.status_code == 500
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.attempts, record.error_code) == ("error", 2, "upstream_error")
    assert len(echo.requests()) == 2


@pytest.mark.parametrize("fault", ["status=429,retry_after=3", "status=503,retry_after=3"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_only_account_rests_as_long_as_its_provider_asks(relay, echo, dialect, fault):
    failing(relay, dialect, fault)
    eventually(relay.records)
    answer = failing(relay, dialect, "")
    assert answer.status_code == 503
    assert "resting" in check_error_body(answer, dialect)
    assert 1 <= int(answer.headers["retry-after"]) <= 3
    assert answer.headers.get("x-should-retry") is None
    assert len(echo.requests()) == len(relay.records()) == 1


@pytest.mark.parametrize("fault", ["status=429", "status=503", "status=401", "reset"])
def test_the_only_account_is_asked_again_at_once(relay, fault):
    failing(relay, "openai", fault)
    eventually(relay.records)
    assert failing(relay, "openai", "").status_code == 200


@pytest.mark.parametrize(("status", "then"), [(403, 200), (401, 503)])
def test_what_a_caller_may_not_ask_for_rests_no_account(relay, echo, status, then):
    relay.project_accounts(stored_account(echo.url))
    assert failing(relay, "openai", f"status={status}").status_code == 502
    eventually(relay.records)
    assert failing(relay, "openai", "").status_code == then
