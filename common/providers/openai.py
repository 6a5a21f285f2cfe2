"""OpenAI. Source: https://platform.openai.com/docs/api-reference/authentication."""

from common.domain.credentials import UsableAccount
from common.providers.base import (
    CONVERSATIONS,
    Ask,
    Call,
    ProviderProtocol,
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
    "files": "/files",
    "batches": "/batches",
}


# In which of OpenAI's formats an endpoint is asked.
TARGETS = {
    **{endpoint: endpoint for endpoint in PATHS if not endpoint.startswith("openai.")},
    **dict.fromkeys(CONVERSATIONS, "openai.chat"),
    "responses": "openai.responses",
}


class OpenAI(ProviderProtocol):
    """All of OpenAI's endpoints as they are, and conversations of other dialects as chats."""

    name = "openai"

    def target(self, account: UsableAccount, endpoint: str, model: str) -> str | None:
        """Chats and responses in their own format, other conversations as chats."""
        return TARGETS.get(endpoint)

    def call(self, account: UsableAccount, ask: Ask, token: str = "") -> Call:
        """With a bearer token (RFC 6750)."""
        path = ask.path.removeprefix("/v1") if ask.path else PATHS[ask.target]
        headers = [*ask.headers, ("authorization", f"Bearer {account.credential.api_key}")]
        if account.extra_headers:
            headers = with_account_headers(account, headers)
        proxy = account.credential.egress_proxy or None
        return Call(ask.method, account.base_url + path, headers, ask.body, proxy)
