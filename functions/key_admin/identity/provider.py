"""An identity provider over HTTP: its discovery document, its keys, code for tokens.

OpenID Connect Core 1.0, Discovery 1.0, PKCE (RFC 7636), issuer in answers (RFC 9207). What cannot
be trusted is refused, whatever of it: signature, issuer, audience, time, nonce.
"""

import hmac
import ssl
import time
from typing import Any
from urllib.parse import quote_plus, urlsplit

import msgspec

from common.identity_settings import OidcProvider

TIMEOUT_S = 10.0
BYTES_MAX = 1 << 20
KEPT_S = 3600.0
LEEWAY_S = 60
# Signatures by the provider's own key pair; never `none`, nor by a secret that two sides have.
ALGORITHMS = frozenset(
    f"{family}{size}" for family in ("RS", "PS", "ES") for size in ("256", "384", "512")
) | {"EdDSA"}


class ProviderFailed(Exception):
    """The provider cannot be reached, or says what it should not; the text is for the log."""


class TokenRefused(Exception):
    """An ID token that does not hold; the text is for the log."""


class Metadata(msgspec.Struct, frozen=True):
    """What of the discovery document is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class TokenAnswer(msgspec.Struct, frozen=True):
    """What of the token endpoint's answer is used."""

    id_token: str
    access_token: str = ""


class ProviderClient:
    """Talks to one provider; keeps what changes seldom for an hour."""

    def __init__(self, provider: OidcProvider) -> None:
        self.provider = provider
        self._metadata: tuple[float, Metadata] | None = None
        # Trusted certificates, read once: that takes longer than a call.
        self._tls: ssl.SSLContext | None = None
        self._keys: tuple[float, dict[str, Any]] = (0.0, {})

    async def metadata(self) -> Metadata:
        """Its discovery document. Raises `ProviderFailed`."""
        if self._metadata is not None and self._metadata[0] + KEPT_S > time.monotonic():
            return self._metadata[1]
        issuer = self.provider.issuer.rstrip("/")
        body = await self._asked("GET", f"{issuer}/.well-known/openid-configuration")
        try:
            found = msgspec.json.decode(body, type=Metadata)
        except msgspec.DecodeError as error:
            raise ProviderFailed(f"its discovery document is none: {error}") from None
        if found.issuer.rstrip("/") != issuer:
            raise ProviderFailed(f"its discovery document is of {found.issuer}")
        secure = urlsplit(issuer).scheme == "https"
        asked = (found.token_endpoint, found.jwks_uri, found.userinfo_endpoint)
        for address in filter(None, (found.authorization_endpoint, *asked)):
            if secure and urlsplit(address).scheme != "https":
                raise ProviderFailed(f"{address} is no https address")
        self._metadata = (time.monotonic(), found)
        return found

    async def check_issuer(self, given: str | None) -> None:
        """Whether this provider sent the browser back. Raises `TokenRefused`, `ProviderFailed`."""
        metadata = await self.metadata()
        missing = "" if metadata.authorization_response_iss_parameter_supported else metadata.issuer
        if (missing if given is None else given) != metadata.issuer:
            raise TokenRefused("another issuer answered")

    async def exchange(self, code: str, verifier: str, redirect_uri: str) -> TokenAnswer:
        """The tokens for a code. Raises `ProviderFailed`, also for a code that was used."""
        metadata, provider = await self.metadata(), self.provider
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        methods = metadata.token_endpoint_auth_methods_supported
        auth: tuple[str, str] | None = None
        if not provider.client_secret:
            form["client_id"] = provider.client_id
        elif "client_secret_basic" in methods or "client_secret_post" not in methods:
            # Each part is encoded as in a form (RFC 6749, 2.3.1).
            auth = (quote_plus(provider.client_id), quote_plus(provider.client_secret))
        else:
            form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
        body = await self._asked("POST", metadata.token_endpoint, data=form, auth=auth)
        try:
            return msgspec.json.decode(body, type=TokenAnswer)
        except msgspec.DecodeError:
            raise ProviderFailed("its token endpoint answered no ID token") from None

    async def claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        """What an ID token says. Raises `TokenRefused` and `ProviderFailed`."""
        import jwt

        metadata = await self.metadata()
        try:
            header = jwt.get_unverified_header(id_token)
            algorithm = header.get("alg")
            if algorithm not in ALGORITHMS:
                raise TokenRefused(f"it is signed by {algorithm}")
            key = await self._key(str(header.get("kid", "")))
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key,
                [str(algorithm)],
                audience=self.provider.client_id,
                issuer=metadata.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise TokenRefused(f"{type(error).__name__}: {error}") from None
        if not (isinstance(claims["sub"], str) and claims["sub"].strip()):
            # All whom a provider names like this would be the same person.
            raise TokenRefused("it names nobody (sub)")
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if claims.get("azp", None if several else self.provider.client_id) != (
            self.provider.client_id
        ):
            raise TokenRefused("it was issued to another party (azp)")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise TokenRefused("its nonce is another")
        return claims

    async def userinfo(self, access_token: str, subject: str) -> dict[str, Any]:
        """More claims of the same person; {} where there are none. Raises `ProviderFailed`."""
        metadata = await self.metadata()
        if not (metadata.userinfo_endpoint and access_token):
            return {}
        headers = {"authorization": f"Bearer {access_token}"}
        body = await self._asked("GET", metadata.userinfo_endpoint, headers=headers)
        try:
            found = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError:
            return {}  # signed answers (JWTs) are not read
        return found if found.get("sub") == subject else {}

    async def _key(self, key_id: str) -> Any:
        """The key that a token names; read anew when it is not known, as after a rotation."""
        at, keys = self._keys
        if key_id not in keys or at + KEPT_S < time.monotonic():
            keys = await self._read_keys()
            self._keys = (time.monotonic(), keys)
        if key_id in keys:
            return keys[key_id]
        if not key_id and len(keys) == 1:
            return next(iter(keys.values()))
        raise TokenRefused(f"there is no key {key_id!r} at the provider")

    async def _read_keys(self) -> dict[str, Any]:
        import jwt

        body = await self._asked("GET", (await self.metadata()).jwks_uri)
        found: dict[str, Any] = {}
        try:
            listed = msgspec.json.decode(body)["keys"]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise ProviderFailed("its keys are no JWKS") from None
        for one in listed:
            if not isinstance(one, dict) or one.get("use", "sig") != "sig":
                continue
            try:
                # RSA's keys need not say for which of its algorithms they are.
                found[str(one.get("kid", ""))] = jwt.PyJWK.from_dict(one).key
            except jwt.PyJWTError:
                continue  # of a kind that is not known here
        return found

    async def _asked(self, method: str, address: str, **options: Any) -> bytes:
        import httpx

        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        try:
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_S, verify=self._tls) as client,
                client.stream(method, address, **options) as answer,
            ):
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > BYTES_MAX:
                        raise ProviderFailed(f"{address} answered too much")
        except httpx.HTTPError as error:
            raise ProviderFailed(f"{address} cannot be asked: {error!r}") from None
        if not answer.is_success:
            said = bytes(body[:200]).decode("utf-8", "replace")
            raise ProviderFailed(f"{address} answered {answer.status_code}: {said}")
        return bytes(body)
