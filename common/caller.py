"""Whose request it is: the edge's word where the edge's token proves it, else the peer.

Where there is no edge, the proxies that a setting declares are believed instead. So by default, on
Knative too, where ingress, activator and queue-proxy append to `x-forwarded-for`, nothing counts
that a caller can write.
"""

import hmac
from typing import Any

from common.domain.forwarded import NO_PROXIES, TrustedProxies

EDGE_TOKEN_HEADER = "x-relay-edge-token"  # noqa: S105 - a name

_EDGE_TOKEN = EDGE_TOKEN_HEADER.encode()
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
