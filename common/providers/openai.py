"""OpenAI. Source: https://platform.openai.com/docs/api-reference/authentication."""

from common.domain.credentials import UsableAccount
from common.providers.base import (
    CONVERSATIONS,
    Ask,
    Call,
    ProviderProtocol,
    proxy_of,
    with_account_headers,
)

# Below a base URL that ends in the version, as the official SDK has it: `https://…/v1`.
PATHS = {
    "openai.chat": "/chat/completions",
    "openai.responses": "/responses",
    "completions": "/completions",
    "embeddings": "/embeddings",
    "moderations": "/moderations",
    "images.generations": "/images/generations",
    "images.edits": "/images/edits",
    "images.variations": "/images/variations",
    "audio.speech": "/audio/speech",
    "audio.transcriptions": "/audio/transcriptions",
    "audio.translations": "/audio/translations",
}


def openai_target(endpoint: str, *, responses: bool) -> str | None:
    """In which of OpenAI's formats an endpoint is asked; `responses` says whether that is one."""
    if endpoint in CONVERSATIONS:
        return "openai.responses" if responses and endpoint == "responses" else "openai.chat"
    return endpoint if endpoint in PATHS else None


class OpenAI(ProviderProtocol):
    """All of OpenAI's endpoints as they are, and conversations of other dialects as chats."""

    name = "openai"

    def target(self, account: UsableAccount, endpoint: str, model: str) -> str | None:
        """Chats and responses in their own format, other conversations as chats."""
        return openai_target(endpoint, responses=True)

    def call(self, account: UsableAccount, ask: Ask, token: str = "") -> Call:
        """With a bearer token (RFC 6750)."""
        path = ask.path.removeprefix("/v1") if ask.path else PATHS[ask.target]
        headers = [*ask.headers, ("authorization", f"Bearer {account.credential.api_key}")]
        return Call(
            ask.method,
            account.base_url + path,
            with_account_headers(account, headers),
            ask.body,
            proxy_of(account),
        )
