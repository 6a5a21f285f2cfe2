"""Signing in by an identity provider: there with state, nonce and PKCE, and back with a code.

What the way back needs stands in a sealed cookie of the browser that set out, so that nobody is
signed in as somebody else by a link; and each way back is gone once.
"""

import base64
import hashlib
import hmac
import secrets
import time
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from common.domain.claims import ClaimsRefused, values_at
from common.encryption import decrypt, encrypt
from common.identity_settings import OidcProvider
from common.telemetry import logs
from functions.key_admin.identity import cookies, sign_in
from functions.key_admin.identity.provider import ProviderClient, ProviderFailed, TokenRefused
from functions.key_admin.identity.sessions import Opened
from functions.key_admin.problem import not_found
from functions.key_admin.services import Services

WAY_S = 600
_BOUND_TO = "oidc"

# One per provider and process: what they keep is the provider's keys.
_clients: dict[OidcProvider, ProviderClient] = {}


class SignInFailed(Exception):
    """Nobody is signed in; `code` says why (`pages.SIGN_IN_ERRORS`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Underway(msgspec.Struct, frozen=True):
    """A way that was set out on; `until` in s since 1970."""

    provider: str
    state: str
    nonce: str
    verifier: str
    next: str
    until: float


async def begin(parts: Services, request: Request, provider_id: str, next_path: str) -> str:
    """Where to send the browser. Raises `Problem` 404 and `SignInFailed`."""
    provider = _provider(parts, provider_id)
    underway = Underway(
        provider=provider.id,
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        next=next_path,
        until=time.time() + WAY_S,
    )
    try:
        metadata = await _client(provider).metadata()
    except ProviderFailed as error:
        raise _failed(request, "provider_unavailable", provider, str(error)) from None
    sealed = encrypt(parts.sign_in_key, msgspec.json.encode(underway), _BOUND_TO)
    cookie = base64.urlsafe_b64encode(sealed).decode()
    cookies.put(parts, request, cookies.OIDC, cookie, WAY_S)
    digest = hashlib.sha256(underway.verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": _redirect_uri(parts, request, provider),
        "scope": provider.scopes,
        "state": underway.state,
        "nonce": underway.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    address = metadata.authorization_endpoint
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"


async def finish(parts: Services, request: Request, provider_id: str) -> tuple[Opened, str]:
    """The session of who came back, and where they wanted to go.

    Raises `Problem` 404, `SignInFailed`, `RedisUnavailable` and `DatabaseUnavailable`.
    """
    provider, query = _provider(parts, provider_id), request.query_params
    underway = _underway(parts, request)
    cookies.put(parts, request, cookies.OIDC, "", 0)
    given = query.get("state", "").encode("utf-8", "surrogateescape")
    if underway is None or underway.provider != provider.id:
        raise _failed(request, "state_lost", provider, "no such way was set out on here")
    if not hmac.compare_digest(given, underway.state.encode()):
        raise _failed(request, "state_lost", provider, "the state is another")
    if not await _first_time(parts, underway):
        raise _failed(request, "state_lost", provider, "the same way back again")
    if "error" in query or not query.get("code"):
        said = f"{query.get('error', 'no code')}: {query.get('error_description', '')}"[:500]
        raise _failed(request, "provider_refused", provider, said)
    client = _client(provider)
    try:
        await client.check_issuer(query.get("iss"))
        redirect_uri = _redirect_uri(parts, request, provider)
        tokens = await client.exchange(query["code"], underway.verifier, redirect_uri)
        claims = await client.claims(tokens.id_token, underway.nonce)
        lacking = {provider.role_claim, "email", provider.user_claim}
        if any(not values_at(claims, name) for name in lacking):
            # Some providers put them there only.
            claims = await client.userinfo(tokens.access_token, claims["sub"]) | claims
        opened = await sign_in.by_claims(parts, request, provider, claims)
    except ProviderFailed as error:
        raise _failed(request, "provider_unavailable", provider, str(error)) from None
    except TokenRefused as error:
        raise _failed(request, "token_invalid", provider, str(error)) from None
    except ClaimsRefused as error:
        raise _failed(request, error.code, provider, str(error)) from None
    return opened, underway.next


def wanted(parts: Services, request: Request) -> str:
    """Where somebody who comes back wanted to go; "" for who did not set out here."""
    underway = _underway(parts, request)
    return "" if underway is None else underway.next


def _provider(parts: Services, provider_id: str) -> OidcProvider:
    for one in parts.settings.identity.providers:
        if one.id == provider_id:
            return one
    raise not_found(f"There is no identity provider {provider_id[:64]!r} in the settings.")


def _client(provider: OidcProvider) -> ProviderClient:
    return _clients.setdefault(provider, ProviderClient(provider))


def _redirect_uri(parts: Services, request: Request, provider: OidcProvider) -> str:
    return f"{cookies.own_origin(parts, request)}/auth/oidc/{provider.id}/callback"


def _underway(parts: Services, request: Request) -> Underway | None:
    sealed = cookies.read(parts, request, cookies.OIDC)
    try:
        plain = decrypt(parts.sign_in_key, base64.urlsafe_b64decode(sealed), _BOUND_TO)
        underway = msgspec.json.decode(plain, type=Underway)
    except (ValueError, msgspec.DecodeError):
        return None
    return underway if underway.until > time.time() else None


async def _first_time(parts: Services, underway: Underway) -> bool:
    digest = hashlib.sha256(underway.state.encode()).hexdigest()
    key = f"{parts.settings.state_prefix}:sign-ins:oidc:{digest}"
    commands = parts.redis
    return await commands.call("SET", key, 1, "NX", "PX", WAY_S * 1000) is not None


def _failed(request: Request, code: str, provider: OidcProvider, why: str) -> SignInFailed:
    logs.log("oidc_failed", level="warning", provider=provider.id, code=code, reason=why)
    sign_in.log_refused(request, "oidc", code)
    return SignInFailed(code)
