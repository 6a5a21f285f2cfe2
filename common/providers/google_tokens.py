"""Access tokens for Google Cloud: a service account's key signs a claim that buys one.

Source: https://developers.google.com/identity/protocols/oauth2/service-account (RFC 7523).
"""

import asyncio
import base64
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import msgspec

from common.domain.credentials import ServiceAccount, UsableAccount
from common.domain.refusals import Reason
from common.providers.base import CREDENTIAL_MS, Failure, judge, proxy_of

if TYPE_CHECKING:
    from common.providers.http import UpstreamClient

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLAIM_S = 3600
# A token is renewed before its end, so that none ends on its way.
RENEWED_BEFORE_S = 60
EXCHANGE_TIMEOUT_MS = 10_000
_TOKENS_MAX = 1000


class _Token(NamedTuple):
    text: str
    until_s: float


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float = CLAIM_S


class GoogleTokens:
    """The tokens of a process. Requests that need one at the same time fetch it once."""

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._tokens: dict[object, _Token] = {}
        self._fetching: dict[object, asyncio.Task[_Token]] = {}

    async def token(self, account: UsableAccount, client: "UpstreamClient") -> str:
        """A token that is valid for a minute at least. Raises `UpstreamFailed`."""
        # The way out counts too: a key that was given another proxy is not to be asked by the old.
        key = (account.credential.service_account, account.credential.egress_proxy)
        kept = self._tokens.get(key)
        if kept is not None and kept.until_s > self._now_s():
            return kept.text
        fetching = self._fetching.get(key)
        if fetching is None:
            fetching = asyncio.create_task(self._fetch(key, account, client))
            self._fetching[key] = fetching
        # Whoever leaves leaves the others their token.
        return (await asyncio.shield(fetching)).text

    async def _fetch(self, key: object, account: UsableAccount, client: "UpstreamClient") -> _Token:
        try:
            token = await fetch(account, client, self._now_s())
            if len(self._tokens) >= _TOKENS_MAX:
                self._tokens.clear()
            self._tokens[key] = token
            return token
        finally:
            del self._fetching[key]


async def fetch(account: UsableAccount, client: "UpstreamClient", now_s: float) -> _Token:
    """Buy a token. Raises `UpstreamFailed`; a refusal is one of the account's credential."""
    from common.providers.http import UpstreamFailed

    key = account.credential.service_account
    if key is None:
        raise UpstreamFailed(_refused("the account has no service account's key"))
    try:
        claim = assertion(key, now_s)
    except ValueError:
        raise UpstreamFailed(_refused("its private key is no RSA key in PEM")) from None
    exchange = client.exchange(
        "POST",
        key.token_uri,
        [("content-type", "application/x-www-form-urlencoded")],
        urlencode({"grant_type": GRANT, "assertion": claim}).encode(),
        account.provider,
        timeout_ms=EXCHANGE_TIMEOUT_MS,
        proxy=proxy_of(account),
    )
    try:
        await exchange.open()
        body = await exchange.read_all()
    finally:
        await exchange.close()
    if exchange.status != 200:
        failure = judge(exchange.status, exchange.header("retry-after"), account.provider, body)
        refused = _refused(f"Google gives no token for it (status {exchange.status})")
        raise UpstreamFailed(refused if failure is None else failure)
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        garbage = "the service account's token_uri answered with no token"
        raise UpstreamFailed(Failure(Reason.UPSTREAM_GARBAGE, garbage)) from None
    return _Token(answer.access_token, now_s + answer.expires_in - RENEWED_BEFORE_S)


def assertion(key: ServiceAccount, now_s: float) -> str:
    """A signed claim, JWT by RS256, valid for an hour. Raises `ValueError` for a key of no use."""
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private = load_pem_private_key(key.private_key.encode(), None)
    if not isinstance(private, RSAPrivateKey):
        raise ValueError("no RSA key")  # noqa: TRY004 - the text is wrong, not its type
    head = {"alg": "RS256", "typ": "JWT"}
    if key.private_key_id:
        head["kid"] = key.private_key_id
    claim = {
        "iss": key.client_email,
        "scope": SCOPE,
        "aud": key.token_uri,
        "iat": int(now_s),
        "exp": int(now_s) + CLAIM_S,
    }
    signed = b".".join((_encoded(msgspec.json.encode(head)), _encoded(msgspec.json.encode(claim))))
    return (signed + b"." + _encoded(private.sign(signed, PKCS1v15(), SHA256()))).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _refused(why: str) -> Failure:
    message = f"the account's credential does not work: {why}; an administrator has to look at it"
    return Failure(Reason.UPSTREAM_CREDENTIAL, message, cooldown_ms=CREDENTIAL_MS)
