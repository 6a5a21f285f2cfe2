"""What refusals say of an account, by the bodies that providers document or are known to send."""

import json

import pytest

from common.domain.account_health import Rest
from common.domain.refusals import Reason
from common.providers.base import CREDENTIAL_MS, FAILING_MS, QUOTA_MS, ROW, judge
from common.providers.failures import meaning_of, reset_of

NOW_MS = 1_800_000_000_000  # 2027-01-15T08:00:00Z
DAILY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"


def openai(code, message="No.", kind="invalid_request_error"):
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(kind, message="No."):
    return {"type": "error", "error": {"type": kind, "message": message}}


def google(status, message="No.", *details):
    return {"error": {"code": 0, "message": message, "status": status, "details": details}}


def exhausted(quota, delay):
    failure = {"@type": "type.googleapis.com/google.rpc.QuotaFailure"}
    failure |= {"violations": [{"quotaId": quota}]}
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    return google("RESOURCE_EXHAUSTED", "You exceeded your current quota.", failure, retry)


REASON = {"@type": "type.googleapis.com/google.rpc.ErrorInfo"}
# status, body, x-amzn-errortype, cause, reset in ms
REFUSALS = {
    "openai no money": (429, openai("insufficient_quota"), "", "quota_exhausted", None),
    "openai hard limit": (400, openai("billing_hard_limit_reached"), "", "quota_exhausted", None),
    "openai rate": (429, openai("rate_limit_exceeded"), "", "rate_limited", None),
    "openai key": (401, openai("invalid_api_key"), "", "unauthorized", None),
    "openai deactivated": (403, openai("account_deactivated"), "", "unauthorized", None),
    "openai model": (403, openai("model_not_found"), "", None, None),
    "openai request": (400, openai("unknown_parameter"), "", None, None),
    "anthropic credit": (
        400,
        anthropic(
            "invalid_request_error", "Your credit balance is too low to access the Anthropic API."
        ),
        "",
        "quota_exhausted",
        None,
    ),
    "anthropic spent": (
        400,
        anthropic(
            "invalid_request_error",
            "You have reached your specified API usage limits. You will regain access on "
            "2027-02-01 at 00:00 UTC.",
        ),
        "",
        "quota_exhausted",
        1_439_200_000 + 800_000,
    ),
    "anthropic disabled": (
        400,
        anthropic("invalid_request_error", "This organization has been disabled."),
        "",
        "unauthorized",
        None,
    ),
    "anthropic key": (401, anthropic("authentication_error"), "", "unauthorized", None),
    "anthropic permission": (403, anthropic("permission_error"), "", None, None),
    "gemini a day": (429, exhausted(DAILY, "34.5s"), "", "quota_exhausted", 34_500),
    "gemini a minute": (429, exhausted(MINUTE, "21s"), "", "rate_limited", 21_000),
    "gemini key": (
        400,
        google("INVALID_ARGUMENT", "API key not valid.", REASON | {"reason": "API_KEY_INVALID"}),
        "",
        "unauthorized",
        None,
    ),
    "gemini argument": (400, google("INVALID_ARGUMENT"), "", None, None),
    "gemini stream": (400, [google("X", "API key not valid. Please pass a valid API key.")], "",
                      "unauthorized", None),
    "azure key": (401, {"error": {"code": "401", "message": "Access denied."}}, "",
                  "unauthorized", None),
    "bedrock rate": (429, {"message": "Too many requests"}, "ThrottlingException:http://x",
                     "rate_limited", None),
    "bedrock a day": (429, {"message": "Too many tokens per day, please wait."},
                      "ThrottlingException", "quota_exhausted", None),
    "bedrock key": (403, {"message": "The security token is invalid."},
                    "UnrecognizedClientException", "unauthorized", None),
    "bedrock model": (403, {"message": "You don't have access to the model."},
                      "AccessDeniedException", None, None),
    "a bill": (402, {"error": {"message": "Insufficient credits"}}, "", "quota_exhausted", None),
    "overloaded": (529, anthropic("overloaded_error"), "", None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_by_their_words(name):
    status, body, errortype, cause, reset_ms = REFUSALS[name]
    headers = [("x-amzn-errortype", errortype)] if errortype else []
    meaning = meaning_of(status, json.dumps(body).encode(), headers, NOW_MS)
    assert (meaning.cause, meaning.reset_ms) == (cause, reset_ms)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"7", b'{"error": 7}', b"\xff"])
def test_what_is_no_error_body_says_nothing(body):
    assert meaning_of(400, body, [], NOW_MS) == (None, None, "")


def test_a_caller_cannot_talk_an_account_out_of_service():
    for words in ("Your credit balance is too low", "API key not valid"):
        body = json.dumps(openai("invalid_value", f"Invalid value: '{words}'.")).encode()
        assert judge(400, None, "openai", body) is None


@pytest.mark.parametrize(
    ("headers", "reset_ms"),
    [
        ({}, None),
        ({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "1s"}, None),
        ({"x-ratelimit-remaining-requests": "0"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 120),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2m59.5s"}, 179_500),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7"}, 7_000),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "nan"}, None),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:10Z",
                "anthropic-ratelimit-output-tokens-remaining": "0",
                "anthropic-ratelimit-output-tokens-reset": "2027-01-15T08:00:30Z",
            },
            30_000,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2027-01-15T07:00:00Z",
            },
            0,
        ),
    ],
)
def test_limits_of_which_nothing_is_left(headers, reset_ms):
    assert reset_of(headers.items(), NOW_MS) == reset_ms


def rest_of(status, body=None, retry_after=None, *, others=True, row=1):
    failure = judge(status, retry_after, "openai", json.dumps(body).encode())
    return failure.rest(others=others, row=row)


def test_how_long_each_kind_rests():
    assert rest_of(429) == Rest(5_000, "rate_limited")
    assert rest_of(429, retry_after="7") == Rest(7_000, "rate_limited", named=True)
    assert rest_of(529) == Rest(10_000, "overloaded")
    assert rest_of(401) == Rest(CREDENTIAL_MS, "unauthorized")
    assert rest_of(402) == Rest(QUOTA_MS, "quota_exhausted")
    day = exhausted(DAILY, "7200s")
    assert rest_of(429, day) == Rest(7_200_000, "quota_exhausted", named=True)


@pytest.mark.parametrize(("status", "cause"), [(500, "failing"), (403, "unauthorized")])
def test_what_one_failure_says_little_of_rests_after_several_in_a_row(status, cause):
    for row in range(1, ROW):
        assert rest_of(status, row=row) is None
    rest = rest_of(status, row=ROW)
    assert rest == Rest(FAILING_MS if status == 500 else CREDENTIAL_MS, cause)
    assert rest_of(status, row=ROW, others=False) is None


def test_the_only_account_rests_only_as_its_provider_says_and_is_known_by_what_lasts():
    assert rest_of(429, others=False) is None
    assert rest_of(529, others=False) is None
    assert rest_of(429, retry_after="7", others=False) == Rest(7_000, "rate_limited", named=True)
    assert rest_of(401, others=False) == Rest(0, "unauthorized")
    assert rest_of(402, others=False) == Rest(0, "quota_exhausted")


def test_what_is_kept_of_a_failure_has_no_secret():
    from common.domain.credentials import Credential

    body = openai("invalid_api_key", "Incorrect API key provided: sk-secret. " + "x" * 400)
    failure = judge(401, None, "openai", json.dumps(body).encode())
    said = failure.said(Credential(api_key="sk-secret"))
    assert said.startswith("Incorrect API key provided: ***. x")
    assert len(said) == 300
    assert failure.reason is Reason.UPSTREAM_CREDENTIAL
