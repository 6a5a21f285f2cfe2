"""Google Cloud's Vertex AI: Gemini's models, and Claude by `rawPredict`.

Sources: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference and
https://docs.anthropic.com/en/api/claude-on-vertex-ai.
"""

from typing import TYPE_CHECKING
from urllib.parse import quote

from common.domain.credentials import UsableAccount
from common.providers.base import (
    CONVERSATIONS,
    Ask,
    Call,
    Headers,
    ProviderProtocol,
    is_named_by_operator,
    proxy_of,
    with_account_headers,
)
from common.providers.claude_elsewhere import fitted
from common.providers.gemini import gemini_method, gemini_target
from common.providers.google_tokens import GoogleTokens

if TYPE_CHECKING:
    from common.providers.http import UpstreamClient

ANTHROPIC_VERSION = "vertex-2023-10-16"
# Endpoints of Gemini's format that Vertex AI has in another one.
_ABSENT = frozenset({"gemini.embed", "gemini.batch_embed"})


class Vertex(ProviderProtocol):
    """The base URL is a region's, or the global one: `https://aiplatform.googleapis.com`."""

    name = "vertex"

    def __init__(self) -> None:
        self._tokens = GoogleTokens()

    def target(self, account: UsableAccount, endpoint: str, model: str) -> str | None:
        """Claude is asked in Anthropic's format, everything else in Gemini's."""
        if _is_claude(model):
            return "anthropic.messages" if endpoint in CONVERSATIONS else None
        return None if endpoint in _ABSENT else gemini_target(endpoint)

    async def credential(self, account: UsableAccount, client: "UpstreamClient") -> str:
        """An access token of the account's service account. Raises `UpstreamFailed`."""
        return await self._tokens.token(account, client)

    def call(self, account: UsableAccount, ask: Ask, token: str = "") -> Call:
        """With the access token."""
        headers: Headers = [*ask.headers]
        body = ask.body
        named = ask.model
        if is_named_by_operator(account, named):
            named = named.rpartition("/")[2]
        model = quote(named, safe="@")
        if ask.target == "anthropic.messages":
            body, headers = fitted(
                body, headers, version=ANTHROPIC_VERSION, keeps_stream=True, betas_in_body=False
            )
            method = ":streamRawPredict" if ask.stream else ":rawPredict"
            path = f"publishers/anthropic/models/{model}{method}"
        else:
            path = f"publishers/google/models/{model}{gemini_method(ask)}"
        headers.append(("authorization", f"Bearer {token}"))
        return Call(
            ask.method,
            f"{account.base_url}/v1/{_location(account)}/{path}",
            with_account_headers(account, headers),
            body,
            proxy_of(account),
        )


def _is_claude(model: str) -> bool:
    return model.rpartition("/")[2].startswith("claude-")


def _location(account: UsableAccount) -> str:
    key = account.credential.service_account
    project = account.options.project or (key.project_id if key is not None else "")
    return f"projects/{quote(project, safe='')}/locations/{account.region or 'global'}"
