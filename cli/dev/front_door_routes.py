"""Which function a path belongs to: the front door's table (docs/architecture.md), pure.

A path can be written in many ways that a server further in may read as another path. Two rules
keep that harmless: what must never be reached is compared in its simplest form, and a path whose
simplest form belongs to another function than its written form is refused.
"""

from enum import StrEnum
from urllib.parse import unquote_to_bytes

# Decoding until nothing changes ends after one round per nesting; more rounds are an attack.
_DECODING_ROUNDS_MAX = 8


class Route(StrEnum):
    """Where a request goes."""

    EDGE = "edge"
    RELAY = "relay"
    KEY_ADMIN = "key_admin"
    NOWHERE = "nowhere"


_BLOCKED_PREFIXES = ("/metrics", "/prometheus")
_EDGE_PATHS = frozenset(("/health/live", "/health/ready"))


def route(raw_path: bytes) -> Route:
    """The first match of the front door's table for a path as it stands in the request line."""
    if (simplest := _simplest(raw_path)) is None or simplest.lower().startswith(_BLOCKED_PREFIXES):
        return Route.NOWHERE
    written = raw_path.decode("latin-1")
    found = _match(written)
    return found if found is _match(simplest) else Route.NOWHERE


def _match(path: str) -> Route:
    if path in _EDGE_PATHS:
        return Route.EDGE
    if path.startswith("/v1/usage/"):
        return Route.KEY_ADMIN
    if path.startswith(("/v1/", "/v1beta/")):
        return Route.RELAY
    if path == "/docs" or path.startswith(("/internal/", "/admin", "/auth/", "/portal")):
        return Route.KEY_ADMIN
    return Route.NOWHERE


def _simplest(raw_path: bytes) -> str | None:
    """The path decoded, dots and slashes folded; None when it cannot be brought to an end."""
    decoded = raw_path
    for _ in range(_DECODING_ROUNDS_MAX):
        before, decoded = decoded, unquote_to_bytes(decoded)
        if before == decoded:
            break
    else:
        return None
    segments: list[str] = []
    text = decoded.decode("latin-1").replace("\\", "/")
    for segment in text.split("/"):
        # Path parameters (`;x=1`) are dropped by some servers before they compare.
        name = segment.partition(";")[0].strip()
        if name == "..":
            del segments[-1:]
        elif name not in {"", "."}:
            segments.append(name)
    ending = "/" if text.endswith("/") and segments else ""
    return "/" + "/".join(segments) + ending
