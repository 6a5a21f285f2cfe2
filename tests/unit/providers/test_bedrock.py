"""What AWS Bedrock is sent."""

import pytest

from common.domain.credentials import Credential
from common.providers import PROVIDERS
from common.providers.base import Ask
from common.providers.sigv4 import signed_headers
from tests.support.provider_accounts import account_of

BEDROCK = PROVIDERS["bedrock"]
BASE_URL = "https://bedrock-runtime.us-east-1.amazonaws.com"
CLAUDE = "us.anthropic.claude-opus-4-1-20250805-v1:0"
ACCESS_KEY = Credential(access_key_id="AKID", secret_access_key="secret", session_token="s")


@pytest.mark.parametrize(
    ("endpoint", "model", "target"),
    [
        ("messages", CLAUDE, "anthropic.messages"),
        ("messages", "amazon.nova-pro-v1:0", "bedrock.converse"),
        ("chat.completions", CLAUDE, "bedrock.converse"),
        ("gemini.stream", "meta.llama3", "bedrock.converse"),
        ("embeddings", "amazon.titan-embed-text-v2:0", None),
        ("messages.count_tokens", CLAUDE, None),
    ],
)
def test_bedrock_is_asked_for_what_it_has(endpoint, model, target):
    assert BEDROCK.target(account_of("bedrock", BASE_URL), endpoint, model) == target


@pytest.mark.parametrize(
    ("target", "stream", "method"),
    [
        ("bedrock.converse", False, "converse"),
        ("bedrock.converse", True, "converse-stream"),
        ("anthropic.messages", False, "invoke"),
        ("anthropic.messages", True, "invoke-with-response-stream"),
    ],
)
def test_the_model_is_one_segment_of_the_address(target, stream, method):
    call = BEDROCK.call(account_of("bedrock", BASE_URL), Ask(target, CLAUDE, b"{}", stream=stream))
    model = "us.anthropic.claude-opus-4-1-20250805-v1%3A0"
    assert call.url == f"{BASE_URL}/model/{model}/{method}"
    expected = "application/vnd.amazon.eventstream" if stream else "application/json"
    assert dict(call.headers)["accept"] == expected


def test_an_inference_profile_is_one_segment_too():
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude"
    call = BEDROCK.call(account_of("bedrock", BASE_URL), Ask("bedrock.converse", arn, b"{}"))
    assert call.url.endswith("%3Ainference-profile%2Fus.anthropic.claude/converse")


def test_an_api_key_is_a_bearer_token():
    call = BEDROCK.call(account_of("bedrock", BASE_URL), Ask("bedrock.converse", "m", b"{}"))
    assert ("authorization", "Bearer sk-planted") in call.headers


def test_an_access_key_signs_the_body_that_is_sent():
    account = account_of("bedrock", BASE_URL, ACCESS_KEY, region="us-east-1")
    ask = Ask("anthropic.messages", "m", b'{"model":"m"}', now_s=1_790_000_000)
    call = BEDROCK.call(account, ask)
    signed = signed_headers(
        ACCESS_KEY, method="POST", url=call.url, headers=[("content-type", "application/json")],
        body=call.body, region="us-east-1", service="bedrock", now_s=ask.now_s,
    )  # fmt: skip
    assert call.headers[-len(signed) :] == signed
    assert b"secret" not in repr(call).encode()


def test_messages_keep_their_bytes_but_for_what_bedrock_has_elsewhere():
    body = b'{"model":"x", "messages": [{"a":1.50}],"stream":true , "max_tokens":3}'
    ask = Ask(
        "anthropic.messages",
        CLAUDE,
        body,
        [("anthropic-beta", "one, two"), ("accept", "text/event-stream"), ("x-stainless-a", "b")],
        stream=True,
    )
    call = BEDROCK.call(account_of("bedrock", BASE_URL), ask)
    assert call.body == (
        b'{"anthropic_beta":["one","two"],"anthropic_version":"bedrock-2023-05-31",'
        b'"messages": [{"a":1.50}],"max_tokens":3}'
    )
    names = [name for name, _ in call.headers]
    assert names == ["x-stainless-a", "accept", "content-type", "authorization"]


def test_a_version_that_the_caller_wrote_stays():
    body = b'{"anthropic_version":"bedrock-later"}'
    call = BEDROCK.call(account_of("bedrock", BASE_URL), Ask("anthropic.messages", CLAUDE, body))
    assert call.body == body
