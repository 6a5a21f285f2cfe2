"""AWS Bedrock: Converse for all models, InvokeModel for Anthropic's own format.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
.../API_runtime_InvokeModelWithResponseStream.html; API keys:
https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html. Streams are framed
(`common.dialects.bedrock.framing`).
"""

from urllib.parse import quote

from common.domain.credentials import UsableAccount
from common.providers.base import (
    CONVERSATIONS,
    Ask,
    Call,
    Headers,
    ProviderProtocol,
    proxy_of,
    with_account_headers,
)
from common.providers.claude_elsewhere import fitted
from common.providers.sigv4 import signed_headers

ANTHROPIC_VERSION = "bedrock-2023-05-31"
_FRAMED = "application/vnd.amazon.eventstream"
_PATHS = {
    ("bedrock.converse", False): "converse",
    ("bedrock.converse", True): "converse-stream",
    ("anthropic.messages", False): "invoke",
    ("anthropic.messages", True): "invoke-with-response-stream",
}
# What AWS answers by must not depend on what the caller's SDK said of itself.
_NOT_PASSED = frozenset({"accept", "content-type"})


class Bedrock(ProviderProtocol):
    """The base URL is the runtime of a region: `https://bedrock-runtime.<region>.amazonaws.com`."""

    name = "bedrock"

    def target(self, account: UsableAccount, endpoint: str, model: str) -> str | None:
        """Messages to a model of Anthropic as they are, every other conversation as Converse's."""
        if endpoint == "messages" and "anthropic." in model:
            return "anthropic.messages"
        return "bedrock.converse" if endpoint in CONVERSATIONS else None

    def call(self, account: UsableAccount, ask: Ask, token: str = "") -> Call:
        """With an API key as a bearer token, else signed by the account's access key."""
        path = f"/model/{quote(ask.model, safe='')}/{_PATHS[ask.target, ask.stream]}"
        url = account.base_url + path
        headers: Headers = [one for one in ask.headers if one[0] not in _NOT_PASSED]
        body = ask.body
        if ask.target == "anthropic.messages":
            body, headers = fitted(
                body, headers, version=ANTHROPIC_VERSION, keeps_stream=False, betas_in_body=True
            )
        own = [
            ("accept", _FRAMED if ask.stream else "application/json"),
            ("content-type", "application/json"),
        ]
        headers = with_account_headers(account, headers + own)
        # Proxies may change other headers; those that say what the body is are signed.
        return Call(
            ask.method, url, headers + _authenticated(account, ask, url, body), body,
            proxy_of(account),
        )  # fmt: skip


def _authenticated(account: UsableAccount, ask: Ask, url: str, body: bytes) -> Headers:
    credential = account.credential
    if credential.api_key:
        return [("authorization", f"Bearer {credential.api_key}")]
    return signed_headers(
        credential,
        method=ask.method,
        url=url,
        headers=[("content-type", "application/json")],
        body=body,
        region=account.region,
        service="bedrock",
        now_s=ask.now_s,
    )
