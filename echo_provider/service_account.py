"""A service account of Google's, made anew by every server, and the tokens that it may get."""

import base64
import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from echo_provider.refusals import Refusal

EMAIL = "echo@echo-project.iam.gserviceaccount.com"
KEY_ID = "echo-key-1"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_S = 3599
_ASSERTION_S_MAX = 3600
_SKEW_S = 60


class ServiceAccount:
    """Its key, and the tokens given out so far."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._tokens: dict[str, float] = {}

    def file(self, token_uri: str) -> dict[str, Any]:
        """The account's JSON file, as Google's console gives it."""
        private = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": "echo-project",
            "private_key_id": KEY_ID,
            "private_key": private.decode(),
            "client_email": EMAIL,
            "client_id": "100000000000000000001",
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }

    def token(self, body: bytes, token_uri: str) -> dict[str, Any]:
        """A token for a signed assertion (RFC 7523). Raises `Refusal` (400)."""
        form = parse_qs(body.decode("utf-8", "replace"))
        if form.get("grant_type") != [_GRANT]:
            raise Refusal(400, "Unsupported grant type", code="unsupported_grant_type")
        self._check(form.get("assertion", [""])[0], token_uri)
        token = f"ya29.echo-{secrets.token_urlsafe(24)}"
        self._tokens[token] = time.monotonic() + _TOKEN_S
        return {"access_token": token, "expires_in": _TOKEN_S, "token_type": "Bearer"}

    def knows(self, token: str) -> bool:
        """Whether it has given out this token, and it has not ended."""
        return self._tokens.get(token, 0.0) > time.monotonic()

    def forget(self) -> None:
        """End all tokens, as an administrator does."""
        self._tokens.clear()

    def _check(self, assertion: str, token_uri: str) -> None:
        try:
            signed, _, signature = assertion.rpartition(".")
            self._key.public_key().verify(
                _raw(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            head, claims = (json.loads(_raw(part)) for part in signed.split("."))
        except (InvalidSignature, ValueError) as error:
            raise _invalid("Invalid JWT Signature.") from error
        if head.get("alg") != "RS256":
            raise _invalid("Invalid JWT: alg must be RS256.")
        if claims.get("iss") != EMAIL or claims.get("aud") != token_uri:
            raise _invalid(f"Invalid JWT: iss must be {EMAIL}, aud {token_uri}.")
        if SCOPE not in str(claims.get("scope", "")).split():
            raise Refusal(400, "Empty or missing scope not allowed.", code="invalid_scope")
        issued, ends = claims.get("iat", 0), claims.get("exp", 0)
        now = time.time()
        if not (issued - _SKEW_S <= now < ends <= issued + _ASSERTION_S_MAX):
            text = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable"
            raise _invalid(f"{text} timeframe. Check your iat and exp values in the JWT claim.")


def _raw(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _invalid(text: str) -> Refusal:
    return Refusal(400, text, code="invalid_grant")
