"""Secrets: making keys, deriving signing keys by purpose, comparing in constant time."""

import base64
import hashlib
import hmac
import os

KEY_BYTES = 32


def new_api_key(prefix: str) -> str:
    """A new API key: the prefix and 32 random bytes in base64url without padding."""
    return prefix + base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).rstrip(b"=").decode()


def derive(secret: str, purpose: str) -> bytes:
    """A 32-byte key for one purpose: HKDF-Expand of RFC 5869 with one block.

    The secret is random and long already, so the extract step is left out (RFC 5869, 3.3).
    """
    return hmac.new(secret.encode(), purpose.encode() + b"\x01", hashlib.sha256).digest()


def constant_time_equal(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in time that does not tell where they differ."""
    return hmac.compare_digest(
        hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest(),
        hashlib.sha256(expected.encode("utf-8", "surrogateescape")).digest(),
    )
