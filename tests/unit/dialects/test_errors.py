"""Refusals as the official SDKs receive them: type, status, members, and whether they repeat."""

import json

import anthropic
import httpx2
import openai
import pytest

from common.dialects import DIALECTS, OPERATIONS
from common.domain.rates import Rate
from common.domain.refusals import FINAL, Reason, Refusal, RefusedBy

STATUS = {
    "invalid_request": 400,
    "request_too_large": 413,
    "unsupported_media_type": 415,
    "caller_timeout": 408,
    "missing_key": 401,
    "unknown_key": 401,
    "revoked_key": 401,
    "expired_key": 401,
    "too_many_failures": 429,
    "scope_not_allowed": 403,
    "dialect_not_allowed": 403,
    "client_not_allowed": 403,
    "address_not_allowed": 403,
    "model_not_allowed": 403,
    "model_not_found": 404,
    "request_not_found": 404,
    "unknown_route": 404,
    "method_not_allowed": 405,
    "rate_limited": 429,
    "budget_reserved": 429,
    "budget_exhausted": 429,
    "unbounded": 400,
    "content_blocked": 400,
    "pii_blocked": 400,
    "pii_unavailable": 503,
    "guardrail_unavailable": 503,
    "no_capacity": 429,
    "account_limited": 429,
    "cooling_down": 503,
    "rebuilding": 503,
    "state_unavailable": 503,
    "store_unavailable": 503,
    "upstream_error": 502,
    "upstream_rate_limited": 429,
    "upstream_overloaded": 503,
    "upstream_unreachable": 502,
    "upstream_timeout": 504,
    "upstream_credential": 502,
    "upstream_garbage": 502,
    "upstream_cut": 502,
    "deadline": 504,
    "shutting_down": 503,
    "internal": 500,
}
REASONS = pytest.mark.parametrize("reason", Reason, ids=str)
NAMES = pytest.mark.parametrize("name", ["openai", "anthropic"])
MESSAGE = 'The "word" is: é\n'


def status_in(name, reason):
    own = {Reason.UPSTREAM_OVERLOADED: 529, Reason.BUDGET_EXHAUSTED: 402}
    return own.get(reason, STATUS[reason]) if name == "anthropic" else STATUS[reason]


def rendered(name, reason, **members):
    refusal = Refusal(reason, MESSAGE, **members)
    status, headers, body = DIALECTS[name].error_response(refusal, "req_7")
    assert len({key for key, _ in headers}) == len(headers)
    return status, dict(headers), json.loads(body)


class Called:
    """An official SDK, its network replaced by one refusal, however often it asks."""

    def __init__(self, name, refusal, retries=0):
        self.calls = 0
        self.answer = DIALECTS[name].error_response(refusal, "req_7")
        module = {"openai": openai.OpenAI, "anthropic": anthropic.Anthropic}[name]
        base = openai if name == "openai" else anthropic
        network = httpx2.Client(transport=httpx2.MockTransport(self.respond))
        with (
            module(api_key="k", http_client=network, max_retries=retries) as client,
            pytest.raises(base.APIStatusError) as caught,
        ):
            client.models.list()
        self.error = caught.value

    def respond(self, request):
        self.calls += 1
        status, headers, body = self.answer
        return httpx2.Response(status, headers=headers, content=body)


def test_the_table_is_whole():
    assert set(STATUS) == set(Reason)


@REASONS
def test_openai_has_its_shape(reason):
    status, headers, body = rendered("openai", reason, field="messages[0].role")
    assert status == STATUS[reason]
    assert headers[b"content-type"] == b"application/json"
    error = body.pop("error")
    assert body == {}
    assert set(error) == {"message", "type", "param", "code", "request_id"}
    assert error["message"] == MESSAGE
    assert error["param"] == "messages[0].role"
    assert error["request_id"] == "req_7"
    exhausted = reason is Reason.BUDGET_EXHAUSTED
    assert error["type"].endswith("_quota" if exhausted else "_error")
    assert DIALECTS["openai"].is_error_body(json.dumps({"error": error}).encode())


@REASONS
def test_anthropic_has_its_shape(reason):
    status, headers, body = rendered("anthropic", reason)
    assert status == status_in("anthropic", reason)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"request-id"] == b"req_7"
    assert body["type"] == "error"
    assert body["request_id"] == "req_7"
    assert set(body["error"]) == {"type", "message"}
    assert body["error"]["message"] == MESSAGE
    assert DIALECTS["anthropic"].is_error_body(json.dumps(body).encode())


@NAMES
def test_which_limit_refused_is_told_in_members_of_its_own(name):
    by = RefusedBy("team", "budget.month", "$5 per month", "$0.000000000", None)
    _, _, body = rendered(name, Reason.BUDGET_RESERVED, by=by)
    assert body["error"]["limit"] == {
        "level": "team", "rule": "budget.month", "limit": "$5 per month",
        "remaining": "$0.000000000", "resets_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai", {b"x-ratelimit-limit-requests": b"60", b"x-ratelimit-remaining-requests": b"9",
                    b"x-ratelimit-reset-requests": b"1m4.5s",
                    b"x-ratelimit-limit-tokens": b"100", b"x-ratelimit-remaining-tokens": b"0",
                    b"x-ratelimit-reset-tokens": b"120ms"}),
        ("anthropic", {b"anthropic-ratelimit-requests-limit": b"60",
                       b"anthropic-ratelimit-requests-remaining": b"9",
                       b"anthropic-ratelimit-requests-reset": b"2027-01-15T08:01:05Z",
                       b"anthropic-ratelimit-tokens-limit": b"100",
                       b"anthropic-ratelimit-tokens-remaining": b"0",
                       b"anthropic-ratelimit-tokens-reset": b"2027-01-15T08:00:01Z"}),
    ],
)  # fmt: skip
def test_limits_per_minute_have_the_dialects_names_and_formats(name, expected):
    rates = [Rate("requests", 60, 9, 64_500), Rate("tokens", 100, 0, 120)]
    headers = DIALECTS[name].rate_limit_headers(rates, 1_800_000_000_000)
    assert dict(headers) == expected


@pytest.mark.parametrize(
    ("reason", "kind", "code"),
    [
        (Reason.INVALID_REQUEST, openai.BadRequestError, None),
        (Reason.UNKNOWN_KEY, openai.AuthenticationError, "invalid_api_key"),
        (Reason.MISSING_KEY, openai.AuthenticationError, "missing_api_key"),
        (Reason.MODEL_NOT_ALLOWED, openai.PermissionDeniedError, "model_not_allowed"),
        (Reason.MODEL_NOT_FOUND, openai.NotFoundError, "model_not_found"),
        (Reason.RATE_LIMITED, openai.RateLimitError, "rate_limit_exceeded"),
        (Reason.BUDGET_EXHAUSTED, openai.RateLimitError, "insufficient_quota"),
        (Reason.UPSTREAM_OVERLOADED, openai.InternalServerError, "upstream_overloaded"),
    ],
)
def test_openai_raises(reason, kind, code):
    error = Called("openai", Refusal(reason, MESSAGE, field="model")).error
    assert type(error) is kind
    assert (error.status_code, error.code, error.param) == (STATUS[reason], code, "model")
    assert error.body["message"] == MESSAGE


@pytest.mark.parametrize(
    ("reason", "kind", "word"),
    [
        (Reason.INVALID_REQUEST, "BadRequestError", "invalid_request_error"),
        (Reason.REQUEST_TOO_LARGE, "ContentTooLargeError", "request_too_large"),
        (Reason.UNKNOWN_KEY, "AuthenticationError", "authentication_error"),
        (Reason.SCOPE_NOT_ALLOWED, "PermissionDeniedError", "permission_error"),
        (Reason.MODEL_NOT_FOUND, "NotFoundError", "not_found_error"),
        (Reason.BUDGET_RESERVED, "RateLimitError", "rate_limit_error"),
        (Reason.UPSTREAM_OVERLOADED, "OverloadedError", "overloaded_error"),
        (Reason.UPSTREAM_TIMEOUT, "GatewayTimeoutError", "timeout_error"),
        (Reason.INTERNAL, "InternalServerError", "api_error"),
    ],
)
def test_anthropic_raises(reason, kind, word):
    error = Called("anthropic", Refusal(reason, MESSAGE)).error
    assert type(error).__name__ == kind
    assert error.status_code == status_in("anthropic", reason)
    assert error.body["error"] == {"type": word, "message": MESSAGE}
    assert error.request_id == "req_7"


@REASONS
@NAMES
def test_an_sdk_repeats_what_may_help_and_nothing_else(name, reason):
    called = Called(name, Refusal(reason, MESSAGE, retry_after_ms=1), retries=1)
    assert called.calls == (1 if reason in FINAL else 2)


@pytest.mark.parametrize("should_retry", [None, True, False])
@REASONS
@NAMES
def test_repeating_is_forbidden_exactly_when_final(name, reason, should_retry):
    _, headers, _ = rendered(name, reason, should_retry=should_retry)
    final = reason in FINAL if should_retry is None else not should_retry
    assert headers.get(b"x-should-retry") == (b"false" if final else None)


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [(0, b"0"), (1, b"1"), (999, b"1"), (1000, b"1"), (1001, b"2"), (59_500, b"60")],
)
@NAMES
def test_seconds_to_wait_are_rounded_up(name, milliseconds, seconds):
    _, headers, _ = rendered(name, Reason.RATE_LIMITED, retry_after_ms=milliseconds)
    assert headers[b"retry-after"] == seconds
    assert headers[b"retry-after-ms"] == str(milliseconds).encode()


@REASONS
@NAMES
def test_headers_stand_only_where_they_belong(name, reason):
    status, headers, _ = rendered(name, reason)
    assert not {b"retry-after", b"retry-after-ms", b"allow"} & set(headers)
    assert headers.get(b"www-authenticate") == (b"Bearer" if status == 401 else None)


@NAMES
def test_the_methods_that_a_path_takes(name):
    _, headers, _ = rendered(name, Reason.METHOD_NOT_ALLOWED, allow="GET, HEAD")
    assert headers[b"allow"] == b"GET, HEAD"


@REASONS
def test_openai_ends_a_stream_with_an_error(reason):
    refusal = Refusal(reason, MESSAGE)
    event = OPERATIONS["chat.completions"].stream_error_event(refusal, "req_7")
    assert event == b"data: " + DIALECTS["openai"].error_response(refusal, "req_7")[2] + b"\n\n"

    def respond(request):
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=event)

    network = httpx2.Client(transport=httpx2.MockTransport(respond))
    with openai.OpenAI(api_key="k", http_client=network) as client:
        stream = client.chat.completions.create(model="m", messages=[], stream=True)
        with pytest.raises(openai.APIError, match='The "word" is'):
            list(stream)


@REASONS
def test_anthropic_ends_a_stream_with_an_error(reason):
    refusal = Refusal(reason, MESSAGE)
    event = OPERATIONS["messages"].stream_error_event(refusal, "req_7")
    body = DIALECTS["anthropic"].error_response(refusal, "req_7")[2]
    assert event == b"event: error\ndata: " + body + b"\n\n"

    def respond(request):
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=event)

    network = httpx2.Client(transport=httpx2.MockTransport(respond))
    with anthropic.Anthropic(api_key="k", http_client=network) as client:
        stream = client.messages.create(model="m", max_tokens=1, messages=[], stream=True)
        with pytest.raises(anthropic.APIStatusError) as caught:
            list(stream)
    assert caught.value.body["error"]["message"] == MESSAGE
