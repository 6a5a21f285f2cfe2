"""Which headers cross the front door, pure (RFC 9110, 7.6.1: hop-by-hop headers stay behind)."""

from collections.abc import Iterable, Mapping
from typing import Any

Headers = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
EDGE_TOKEN_HEADER = b"x-relay-edge-token"
# What says who the caller is: only the front door may say so.
_CLAIMS = frozenset((EDGE_TOKEN_HEADER, b"forwarded", b"host", b"via", b"x-real-ip"))
_CLAIM_PREFIX = b"x-forwarded-"


def request_headers(scope: Mapping[str, Any], edge_token: str) -> list[tuple[str, str]]:
    """The headers for the function: the caller's, less hops and claims, plus the front door's."""
    given: Headers = scope["headers"]
    dropped = _HOP_BY_HOP | _CLAIMS | _named_by_connection(given)
    kept = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in given
        if name.lower() not in dropped and not name.lower().startswith(_CLAIM_PREFIX)
    ]
    client = scope.get("client")
    host = next((value.decode("latin-1") for name, value in given if name == b"host"), "")
    kept.append(("x-forwarded-for", client[0] if client else "unknown"))
    kept.append(("x-forwarded-proto", scope.get("scheme", "http")))
    if host:
        kept.append(("x-forwarded-host", host))
    if edge_token:
        kept.append((EDGE_TOKEN_HEADER.decode(), edge_token))
    return kept


def response_headers(given: Iterable[tuple[str, str]]) -> Headers:
    """The function's headers for the caller, less hops, and less `date`: the server sends one."""
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given]
    dropped = _HOP_BY_HOP | _named_by_connection(encoded) | {b"date"}
    return [(name, value) for name, value in encoded if name not in dropped]


def has_body(scope: Mapping[str, Any]) -> bool:
    """Whether the request carries a body (RFC 9112, 6.3; HTTP/2 need not announce one)."""
    for name, value in scope["headers"]:
        if name.lower() == b"transfer-encoding":
            return True
        if name.lower() == b"content-length":
            return bool(value.strip() != b"0")
    version = str(scope.get("http_version", "1.1"))
    return not version.startswith("1") and scope["method"] in {"POST", "PUT", "PATCH"}


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    names: set[bytes] = set()
    for name, value in headers:
        if name.lower() == b"connection":
            names.update(token.strip().lower() for token in value.split(b","))
    # Naming these as hop-by-hop would strip what a function must see.
    return frozenset(names) - {b"authorization", b"content-length", b"content-type", b"x-api-key"}
