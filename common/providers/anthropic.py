"""Anthropic. Source: https://docs.anthropic.com/en/api/overview."""

from common.domain.credentials import UsableAccount
from common.providers.base import (
    CONVERSATIONS,
    Ask,
    Call,
    ProviderProtocol,
    proxy_of,
    with_account_headers,
)

_PATHS = {
    "anthropic.messages": "/v1/messages",
    "messages.count_tokens": "/v1/messages/count_tokens",
    "messages.batches": "/v1/messages/batches",
}


class Anthropic(ProviderProtocol):
    """The base URL has no version, as the official SDK has it: `https://api.anthropic.com`."""

    name = "anthropic"

    def target(self, account: UsableAccount, endpoint: str, model: str) -> str | None:
        """All conversations as messages; of OpenAI's and Gemini's other endpoints it has none."""
        if endpoint in CONVERSATIONS:
            return "anthropic.messages"
        return endpoint if endpoint in _PATHS else None

    def call(self, account: UsableAccount, ask: Ask, token: str = "") -> Call:
        """With the API's own header."""
        headers = [*ask.headers, ("x-api-key", account.credential.api_key)]
        return Call(
            ask.method,
            account.base_url + (ask.path or _PATHS[ask.target]),
            with_account_headers(account, headers),
            ask.body,
            proxy_of(account),
        )
