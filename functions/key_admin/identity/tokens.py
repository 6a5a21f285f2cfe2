"""Access and refresh tokens of a session: JWTs (RFC 7519) by HS256, each key with its id.

A token says which session it is of, no more: what somebody may is read of the session, so that
what ends or changes there holds on the next call.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from common import secrets

ALGORITHM = "HS256"
Kind = Literal["access", "refresh"]


class Claims(msgspec.Struct, frozen=True):
    """What a token that holds says."""

    session_id: str
    generation: int


class TokenExpired(ValueError):
    """It was right, and its time is over."""


class TokenInvalid(ValueError):
    """It is none of ours, or of another kind."""


class Tokens:
    """Makes and reads tokens. The first secret signs, all check."""

    def __init__(self, internal_secret: str, jwt_secrets: Sequence[str]) -> None:
        keys = [secrets.derive(internal_secret, f"sessions {one}") for one in jwt_secrets or [""]]
        self._keys = {_key_id(key): key for key in keys}
        self._current = next(iter(self._keys))

    def __repr__(self) -> str:
        return f"Tokens({', '.join(self._keys)})"

    def make(self, kind: Kind, session_id: str, generation: int, seconds: float) -> str:
        """A token that ends after so many seconds."""
        import jwt

        now = int(time.time())
        claims = {"sub": session_id, "use": kind, "gen": generation, "iat": now}
        claims["exp"] = now + max(int(seconds), 1)
        key = self._keys[self._current]
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": self._current})

    def read(self, kind: Kind, token: str) -> Claims:
        """Raises `TokenExpired` and `TokenInvalid`."""
        import jwt

        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            # Another process made it, whose clock may be a moment ahead: `iat` is not checked.
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                [ALGORITHM],
                options={
                    "require": ["exp", "iat", "sub", "use", "gen"],
                    "verify_iat": False,
                },
            )
        except jwt.ExpiredSignatureError:
            raise TokenExpired("the token has expired") from None
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            raise TokenInvalid("the token is none of this installation") from None
        if claims["use"] != kind:
            raise TokenInvalid(f"the token is no {kind} token")
        return Claims(claims["sub"], claims["gen"])


def _key_id(key: bytes) -> str:
    """Stands in each token; tells nothing of the key."""
    return "s" + hashlib.sha256(b"relay key id" + key).hexdigest()[:10]
