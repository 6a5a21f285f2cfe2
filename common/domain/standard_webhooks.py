"""Signatures of webhooks as Standard Webhooks 1.0 has them, which has libraries to verify. Pure.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac

SECRET_PREFIX = "whsec_"  # noqa: S105 - what all such secrets begin with
# "Secret": 24 to 64 bytes, in base64 after the prefix.
_SECRET_BYTES = range(24, 65)


def shown_secret(key: bytes) -> str:
    """The key as receivers are given it."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def secret_key(secret: str) -> bytes:
    """The bytes of a secret. Raises `ValueError` with what it must be."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or len(key) not in _SECRET_BYTES:
        raise ValueError(
            f"must be {SECRET_PREFIX} and 24 to 64 random bytes in base64: "
            f'{SECRET_PREFIX}"$(openssl rand -base64 32)"'
        )
    return key


def signature(message_id: str, timestamp_s: int, body: bytes, key: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of id, timestamp (s since 1970) and body, joined by dots."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def signed_headers(
    message_id: str, timestamp_s: int, body: bytes, key: bytes
) -> list[tuple[str, str]]:
    """The headers of a JSON body: its type, `webhook-id`, `-timestamp` and `-signature`."""
    return [
        ("content-type", "application/json"),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp_s)),
        ("webhook-signature", signature(message_id, timestamp_s, body, key)),
    ]
