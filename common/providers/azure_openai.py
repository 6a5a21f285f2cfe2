"""Azure OpenAI: the v1 API, and the older one of deployments with a version in the query.

Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference and .../api-version-lifecycle.
A model's name is that of a deployment: the account's `models` maps what callers ask for to it.
"""

import re
from urllib.parse import quote, urlencode

from common.domain.credentials import UsableAccount
from common.providers.base import Ask, Call, ProviderProtocol, proxy_of, with_account_headers
from common.providers.openai import PATHS, TARGETS

# `2024-10-21`, `2025-04-01-preview`; the v1 API has no such versions, at most `preview`.
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
# OpenAI's endpoints that Azure has not.
_ABSENT = frozenset({"moderations", "images.variations"})
# What the older API has beside deployments instead of below one.
_WITHOUT_DEPLOYMENT = frozenset({"openai.responses", "files", "batches"})


class AzureOpenAI(ProviderProtocol):
    """The base URL is the resource's endpoint: `https://<resource>.openai.azure.com`."""

    name = "azure_openai"

    def target(self, account: UsableAccount, endpoint: str, model: str) -> str | None:
        """As OpenAI, but for what Azure has not."""
        return None if endpoint in _ABSENT else TARGETS.get(endpoint)

    def call(self, account: UsableAccount, ask: Ask, token: str = "") -> Call:
        """With Azure's own header."""
        headers = [*ask.headers, ("api-key", account.credential.api_key)]
        return Call(
            ask.method,
            _url(account, ask),
            with_account_headers(account, headers),
            ask.body,
            proxy_of(account),
        )


def _url(account: UsableAccount, ask: Ask) -> str:
    """People copy the endpoint with and without what follows it."""
    base = account.base_url.removesuffix("/v1").removesuffix("/openai") + "/openai"
    path, _, query = ask.path.removeprefix("/v1").partition("?")
    version = account.options.api_version
    if not _DATED.fullmatch(version):
        base += "/v1"
    elif not path and ask.target not in _WITHOUT_DEPLOYMENT:
        base += f"/deployments/{quote(ask.model, safe='')}"
    asked = "&".join(filter(None, (query, urlencode({"api-version": version}) if version else "")))
    return base + (path or PATHS[ask.target]) + (f"?{asked}" if asked else "")
