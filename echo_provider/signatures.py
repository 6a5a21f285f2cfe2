"""Signatures of thoughts: made here, and known again only if every byte of them comes back."""

import base64
import hashlib
import hmac
import secrets

_SECRET = b"the echo provider's thoughts"
_NONCE_BYTES = 12
# Long enough that a header's or a column's limit on the way would show.
_FILL_BYTES = 300


def signed(kind: str, text: str = "") -> str:
    """A signature, in base64, of a thought; `kind` is whose signature it is."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.b64encode(nonce + _digest(kind, text, nonce)).decode()


def is_signature(kind: str, text: str, signature: str) -> bool:
    """Whether `signed` has made it for this text."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except ValueError:
        return False
    nonce, digest = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
    exact = base64.b64encode(raw).decode() == signature
    return exact and hmac.compare_digest(digest, _digest(kind, text, nonce))


def _digest(kind: str, text: str, nonce: bytes) -> bytes:
    message = b"\0".join((kind.encode(), nonce, text.encode("utf-8", "surrogatepass")))
    return hashlib.shake_256(_SECRET + message).digest(_FILL_BYTES)
