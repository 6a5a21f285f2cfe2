"""Servers that speak OpenAI's protocol: vLLM, Ollama, Groq, Mistral, DeepSeek, OpenRouter, others.

What one of them does otherwise is declared on the account (`options.quirks`), never guessed.
"""

from common.domain.accounts import Quirk
from common.domain.credentials import UsableAccount
from common.providers.base import Ask, Call, ProviderProtocol, proxy_of, with_account_headers
from common.providers.openai import PATHS, TARGETS


class OpenAICompatible(ProviderProtocol):
    """The base URL ends in the version where the server has one: `http://localhost:8000/v1`."""

    name = "openai_compatible"

    def target(self, account: UsableAccount, endpoint: str, model: str) -> str | None:
        """All conversations as chats; responses as they are where the account says so."""
        if endpoint == "responses" and "responses" not in account.options.quirks:
            return "openai.chat"
        return TARGETS.get(endpoint)

    def call(self, account: UsableAccount, ask: Ask, token: str = "") -> Call:
        """With a bearer token (RFC 6750), unless the server takes none."""
        quirks = account.options.quirks
        path = ask.path.removeprefix("/v1") if ask.path else PATHS[ask.target]
        headers = list(ask.headers)
        if "no_auth" not in quirks:
            headers.append(("authorization", f"Bearer {account.credential.api_key}"))
        body = ask.body
        if quirks and ask.target == "openai.chat" and body:
            body = _fitted(body, quirks)
        return Call(
            ask.method,
            account.base_url + path,
            with_account_headers(account, headers),
            body,
            proxy_of(account),
        )


def _fitted(body: bytes, quirks: tuple[Quirk, ...]) -> bytes:
    """A chat's body as such a server takes it, changed in place."""
    from common.dialects.openai.quirks import fit

    return fit(body, quirks)
