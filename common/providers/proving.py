"""Whether an account would serve: a call that its provider answers and bills no token for.

A list of models where the provider has one at the account's own address. Gemini and Vertex AI count
tokens, which is free; Bedrock is sent a conversation without messages, which it refuses as such
once it has accepted the signature. A refusal of the request itself is a good sign: the credential
was accepted.
"""

import time

import msgspec

from common.domain.accounts import Provider
from common.domain.credentials import UsableAccount
from common.domain.globs import is_glob
from common.providers import PROVIDERS
from common.providers.base import Ask, Failure, judge
from common.providers.headers import to_provider
from common.providers.http import UpstreamClient, UpstreamFailed

TIMEOUT_MS = 20_000
_LISTED: frozenset[Provider] = frozenset(
    ("openai", "openai_compatible", "azure_openai", "anthropic")
)
_GOOGLE_MODEL = "gemini-2.5-flash"
_AWS_MODEL = "amazon.nova-micro-v1:0"
_COUNTED = msgspec.json.encode({"contents": [{"role": "user", "parts": [{"text": "?"}]}]})
_NO_MESSAGES = b'{"messages":[]}'


async def prove(account: UsableAccount, client: UpstreamClient, request_id: str) -> Failure | None:
    """Ask the provider by the account; why it would not serve, None when it would."""
    provider = PROVIDERS[account.provider]
    try:
        token = await provider.credential(account, client)
        call = provider.call(account, _ask(account, request_id), token)
        exchange = client.call(call, account.provider, timeout_ms=TIMEOUT_MS)
        try:
            await exchange.open()
            body = await exchange.read_all()
        finally:
            await exchange.close()
    except UpstreamFailed as failed:
        return failed.failure
    failure = judge(
        exchange.status, exchange.header("retry-after"), account.provider, body, exchange.headers
    )
    if failure is not None and exchange.status == 403 and failure.cause is None:
        # The credential was accepted: what it may not do is list models, or use this one.
        return None
    return failure


def _ask(account: UsableAccount, request_id: str) -> Ask:
    own = [(b"accept", b"application/json")]
    if account.provider in _LISTED:
        headers = to_provider(own, request_id, account.provider, "")
        return Ask("", "", headers=headers, path="/v1/models", method="GET")
    own.append((b"content-type", b"application/json"))
    headers = to_provider(own, request_id, account.provider, "")
    named = [served for name, served in account.models.items() if not is_glob(name)]
    if account.provider == "bedrock":
        model = named[0] if named else _AWS_MODEL
        return Ask("bedrock.converse", model, _NO_MESSAGES, headers, now_s=time.time())
    gemini = [one for one in named if "claude" not in one]
    model = gemini[0] if gemini else _GOOGLE_MODEL
    return Ask("gemini.count_tokens", model, _COUNTED, headers, now_s=time.time())
