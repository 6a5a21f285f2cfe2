"""Whose request it is: the edge's word where the edge's token proves it, else the peer."""

import hmac
from typing import Any

EDGE_TOKEN_HEADER = "x-relay-edge-token"  # noqa: S105 - a name

_EDGE_TOKEN = EDGE_TOKEN_HEADER.encode()


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
