"""Google's Gemini API. Source: https://ai.google.dev/api.

Conversations of all dialects are asked as `generateContent`; OpenAI's other endpoints have no
counterpart in Gemini's own format.
"""

from urllib.parse import quote

from common.domain.credentials import UsableAccount
from common.providers.base import (
    CONVERSATIONS,
    Ask,
    Call,
    ProviderProtocol,
    is_named_by_operator,
    proxy_of,
    with_account_headers,
)

# What follows the model in the address, by target.
METHODS = {
    "gemini.generate": "generateContent",
    "gemini.count_tokens": "countTokens",
    "gemini.embed": "embedContent",
    "gemini.batch_embed": "batchEmbedContents",
}


def gemini_target(endpoint: str) -> str | None:
    """In which of Gemini's formats an endpoint is asked."""
    if endpoint in CONVERSATIONS:
        return "gemini.generate"
    return endpoint if endpoint in METHODS else None


def gemini_method(ask: Ask) -> str:
    """`:generateContent`, or whatever is asked, with streams as server-sent events."""
    if ask.target == "gemini.generate" and ask.stream:
        return ":streamGenerateContent?alt=sse"
    return f":{METHODS[ask.target]}"


class Gemini(ProviderProtocol):
    """The base URL has no version: `https://generativelanguage.googleapis.com`."""

    name = "gemini"

    def target(self, account: UsableAccount, endpoint: str, model: str) -> str | None:
        """All conversations as content that is generated."""
        return gemini_target(endpoint)

    def call(self, account: UsableAccount, ask: Ask, token: str = "") -> Call:
        """With Google's own header: a key in the query would be logged on the way."""
        base = account.base_url.removesuffix("/v1beta")
        headers = [*ask.headers, ("x-goog-api-key", account.credential.api_key)]
        return Call(
            ask.method,
            f"{base}/v1beta/{_resource(account, ask.model)}{gemini_method(ask)}",
            with_account_headers(account, headers),
            ask.body,
            proxy_of(account),
        )


def _resource(account: UsableAccount, model: str) -> str:
    """`models/…`, or a tuned model's own name where the account has it, which says what it is."""
    if not is_named_by_operator(account, model):
        return f"models/{quote(model, safe='')}"
    path = quote(model, safe="/")
    return path if path.startswith(("models/", "tunedModels/")) else f"models/{path}"
