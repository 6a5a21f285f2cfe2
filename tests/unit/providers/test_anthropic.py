"""What Anthropic is sent."""

import pytest

from common.providers import PROVIDERS
from common.providers.base import Ask, Call
from common.providers.headers import to_provider
from tests.support.provider_accounts import account_of

ANTHROPIC = PROVIDERS["anthropic"]
ACCOUNT = account_of("anthropic", "https://a")


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("messages", "anthropic.messages"),
        ("chat.completions", "anthropic.messages"),
        ("responses", "anthropic.messages"),
        ("gemini.generate", "anthropic.messages"),
        ("messages.count_tokens", "messages.count_tokens"),
        ("embeddings", None),
    ],
)
def test_anthropic_is_asked_for_what_it_has(endpoint, target):
    assert ANTHROPIC.target(ACCOUNT, endpoint, "m") == target


def test_the_key_is_in_the_api_s_own_header():
    call = ANTHROPIC.call(ACCOUNT, Ask("messages.count_tokens", "m", b"{}"))
    key = [("x-api-key", "sk-planted")]
    assert call == Call("POST", "https://a/v1/messages/count_tokens", key, b"{}", None)


def test_what_is_meant_for_one_provider_is_not_told_to_another():
    sent = [
        (b"anthropic-beta", b"a"),
        (b"openai-beta", b"o"),
        (b"anthropic-version", b"2023-06-01"),
    ]
    names = {
        provider: {name for name, _ in to_provider(sent, "r", provider, "t")}
        & {"anthropic-beta", "openai-beta", "anthropic-version"}
        for provider in PROVIDERS
    }
    assert names == {
        "anthropic": {"anthropic-beta", "anthropic-version"},
        "bedrock": {"anthropic-beta"},
        "vertex": {"anthropic-beta"},
        "gemini": set(),
        "openai": {"openai-beta"},
        "azure_openai": {"openai-beta"},
        "openai_compatible": {"openai-beta"},
    }
