"""Whose request it is: the address (the edge's word where its token proves it), the API key.

Where there is no edge, the peer counts, or the proxies that a setting declares are believed. So by
default, on Knative too, where ingress, activator and queue-proxy append to `x-forwarded-for`,
nothing counts that a caller can write.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from common.domain.forwarded import NO_PROXIES, TrustedProxies

EDGE_TOKEN_HEADER = "x-relay-edge-token"  # noqa: S105 - a name

_EDGE_TOKEN = EDGE_TOKEN_HEADER.encode()
_KEY_HEADERS = (b"x-api-key", b"api-key", b"x-goog-api-key")
ADDRESS_CHARACTERS_MAX = 64


def caller_address(
    scope: dict[str, Any], edge_token: str, trusted: TrustedProxies = NO_PROXIES
) -> str:
    """The caller's address. `x-forwarded-for` is believed with the edge's token, or as trusted.

    The edge overwrites the header, so its first entry is the address that the edge saw.
    """
    peer = str((scope.get("client") or ("unknown", 0))[0])
    if not edge_token and trusted is NO_PROXIES:
        return peer
    token, lines = b"", []
    for name, value in scope["headers"]:
        if name == _EDGE_TOKEN:
            token = value
        elif name == b"x-forwarded-for":
            lines.append(value)
    # Several lines are one list (RFC 9110, 5.3): a hop may append a line of its own.
    forwarded = b",".join(lines).decode("latin-1")
    if edge_token and hmac.compare_digest(token, edge_token.encode()):
        first = forwarded.partition(",")[0].strip()
        return first[:ADDRESS_CHARACTERS_MAX] if first else peer
    return trusted.caller(peer, forwarded)[:ADDRESS_CHARACTERS_MAX]


def called_origin(scope: Mapping[str, Any], edge_token: str, trusted: TrustedProxies) -> str:
    """The origin that the caller named, such as `https://relay.example`.

    What the edge, or where there is none a declared proxy, says of it is believed; else it is what
    this process was called by.
    """
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, value)
    believed = trusted is not NO_PROXIES
    if edge_token:
        believed = hmac.compare_digest(headers.get(_EDGE_TOKEN, b""), edge_token.encode())
    scheme, host = str(scope.get("scheme", "http")), headers.get(b"host", b"")
    if believed:
        scheme = headers.get(b"x-forwarded-proto", scheme.encode()).decode("latin-1")
        host = headers.get(b"x-forwarded-host", host)
    scheme = "https" if scheme.strip().lower() == "https" else "http"
    return f"{scheme}://{host.decode('latin-1').strip().lower()}"


def presented_key(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The API key in any of the headers that SDKs use, a bearer token first; empty for none."""
    found = dict(reversed(headers))  # of several the first counts
    scheme, _, token = found.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    for name in _KEY_HEADERS:
        if given := found.get(name):
            return given.decode("latin-1").strip()
    return ""
