"""What Azure OpenAI is sent."""

import pytest

from common.domain.accounts import Options
from common.providers import PROVIDERS
from common.providers.base import Ask
from tests.support.provider_accounts import account_of

AZURE = PROVIDERS["azure_openai"]
ENDPOINT = "https://r.openai.azure.com"


def url(ask: Ask, version: str = "", base_url: str = ENDPOINT) -> str:
    account = account_of("azure_openai", base_url, options=Options(api_version=version))
    return AZURE.call(account, ask).url.removeprefix(ENDPOINT)


@pytest.mark.parametrize("base_url", [ENDPOINT, f"{ENDPOINT}/openai", f"{ENDPOINT}/openai/v1"])
def test_the_v1_api_names_the_deployment_in_the_body(base_url):
    assert url(Ask("openai.chat", "dep"), base_url=base_url) == "/openai/v1/chat/completions"


def test_the_v1_api_has_a_preview():
    made = url(Ask("openai.responses", "dep"), "preview")
    assert made == "/openai/v1/responses?api-version=preview"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("openai.chat", "/openai/deployments/my%20dep/chat/completions"),
        ("embeddings", "/openai/deployments/my%20dep/embeddings"),
        ("audio.transcriptions", "/openai/deployments/my%20dep/audio/transcriptions"),
        ("openai.responses", "/openai/responses"),
    ],
)
def test_a_dated_version_is_of_the_api_of_deployments(target, path):
    assert url(Ask(target, "my dep"), "2024-10-21") == f"{path}?api-version=2024-10-21"


def test_what_is_kept_is_read_by_its_path_and_query():
    ask = Ask("", "", path="/v1/responses/resp_1?include=a", method="GET")
    assert url(ask, "2025-04-01-preview") == (
        "/openai/responses/resp_1?include=a&api-version=2025-04-01-preview"
    )
    assert url(ask) == "/openai/v1/responses/resp_1?include=a"


def test_the_key_is_in_azure_s_own_header():
    call = AZURE.call(account_of("azure_openai", ENDPOINT), Ask("openai.chat", "m"))
    assert call.headers == [("api-key", "sk-planted")]


def test_azure_is_asked_for_what_it_has():
    account = account_of("azure_openai", ENDPOINT)
    assert AZURE.target(account, "messages", "m") == "openai.chat"
    assert AZURE.target(account, "images.edits", "m") == "images.edits"
    assert AZURE.target(account, "moderations", "m") is None
