"""Whose request it is: the address (the edge's word where its token proves it), the API key."""

import hmac
from collections.abc import Iterable
from typing import Any

EDGE_TOKEN_HEADER = "x-relay-edge-token"  # noqa: S105 - a name

_EDGE_TOKEN = EDGE_TOKEN_HEADER.encode()
_KEY_HEADERS = (b"x-api-key", b"api-key", b"x-goog-api-key")


def caller_address(scope: dict[str, Any], edge_token: str) -> str:
    """The caller's address. `x-forwarded-for` is believed only with the edge's token.

    The edge overwrites the header, so its first entry is the address that the edge saw.
    """
    peer = scope.get("client") or ("unknown", 0)
    if not edge_token:
        return str(peer[0])
    token, forwarded = b"", b""
    for name, value in scope["headers"]:
        if name == _EDGE_TOKEN:
            token = value
        elif name == b"x-forwarded-for":
            forwarded = value
    first = forwarded.decode("latin-1").partition(",")[0].strip()
    if first and hmac.compare_digest(token, edge_token.encode()):
        return first[:64]
    return str(peer[0])


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The API key in any of the headers that SDKs use, a bearer token first; empty for none."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found.setdefault(name, value)
    scheme, _, token = found.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for name in _KEY_HEADERS:
        if given := found.get(name):
            return given.decode("latin-1").strip()
    return ""
