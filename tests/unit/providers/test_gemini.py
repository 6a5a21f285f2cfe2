"""What Google's Gemini API is sent."""

import pytest

from common.providers import PROVIDERS
from common.providers.base import Ask, Call
from tests.support.provider_accounts import account_of

GEMINI = PROVIDERS["gemini"]
ACCOUNT = account_of("gemini", "https://g")
OWN_NAMES = account_of("gemini", "https://g", models={"a": "models/g-2", "b": "tunedModels/a"})


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("gemini.generate", "gemini.generate"),
        ("gemini.stream", "gemini.generate"),
        ("chat.completions", "gemini.generate"),
        ("messages", "gemini.generate"),
        ("gemini.count_tokens", "gemini.count_tokens"),
        ("gemini.embed", "gemini.embed"),
        ("embeddings", None),
        ("messages.count_tokens", None),
    ],
)
def test_gemini_is_asked_for_what_it_has(endpoint, target):
    assert GEMINI.target(ACCOUNT, endpoint, "m") == target


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (Ask("gemini.generate", "g-2"), "models/g-2:generateContent"),
        (Ask("gemini.generate", "g-2", stream=True), "models/g-2:streamGenerateContent?alt=sse"),
        (Ask("gemini.count_tokens", "g-2"), "models/g-2:countTokens"),
        (Ask("gemini.embed", "e"), "models/e:embedContent"),
        (Ask("gemini.batch_embed", "e"), "models/e:batchEmbedContents"),
        (Ask("gemini.generate", "a?b:c"), "models/a%3Fb%3Ac:generateContent"),
        # A key may use `g-1*`: neither of these is that.
        (Ask("gemini.generate", "g-1/../g-2"), "models/g-1%2F..%2Fg-2:generateContent"),
        (Ask("gemini.generate", "models/g-2"), "models/models%2Fg-2:generateContent"),
    ],
)
def test_the_model_is_in_the_address(ask, path):
    assert GEMINI.call(ACCOUNT, ask).url == f"https://g/v1beta/{path}"


@pytest.mark.parametrize("named", ["models/g-2", "tunedModels/a"])
def test_an_operator_may_name_a_model_with_its_path(named):
    call = GEMINI.call(OWN_NAMES, Ask("gemini.generate", named))
    assert call.url == f"https://g/v1beta/{named}:generateContent"


def test_the_key_is_in_a_header_and_not_in_the_address():
    call = GEMINI.call(account_of("gemini", "https://g/v1beta"), Ask("gemini.generate", "m", b"{}"))
    url = "https://g/v1beta/models/m:generateContent"
    assert call == Call("POST", url, [("x-goog-api-key", "sk-planted")], b"{}", None)
