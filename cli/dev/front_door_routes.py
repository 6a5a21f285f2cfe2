"""Which function a path belongs to: the front door's table (docs/architecture.md), pure.

A path can be written in many ways that a server further in may read as another path. Two rules
keep that harmless: a path must lead to the same place as written and as read, that is decoded
once; and a path whose reading is open to doubt (dot segments, empty segments, a second encoding)
leads nowhere. So nothing has to be guessed of what a function's server folds or decodes.

The edge's nginx has the same rules (helm/relay/templates/edge/_nginx.tpl); one table of paths,
tests/support/front_door_paths.py, holds both to it.
"""

import re
from enum import StrEnum
from urllib.parse import unquote_to_bytes


class Route(StrEnum):
    """Where a request goes."""

    EDGE = "edge"
    RELAY = "relay"
    KEY_ADMIN = "key_admin"
    NOWHERE = "nowhere"


_BLOCKED_PREFIXES = ("/metrics", "/prometheus")
_EDGE_PATHS = frozenset(("/health/live", "/health/ready"))
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_DOUBTFUL = re.compile(
    r"[\x00-\x1f\x7f\\;]"  # controls; other servers' separators and path parameters
    r"|%[0-9A-Fa-f]{2}"  # a second encoding
    r"|/\.{0,2}/|/\.{1,2}\Z"  # empty segments and dot segments
    r"|/ | /| \Z"  # spaces that some servers trim
)


def route(raw_path: bytes) -> Route:
    """The first match of the front door's table for a path as it stands in the request line."""
    read = unquote_to_bytes(raw_path).decode("latin-1")
    if read.lower().startswith(_BLOCKED_PREFIXES):
        return Route.NOWHERE
    if b"#" in raw_path or _BROKEN_ESCAPE.search(raw_path) or _DOUBTFUL.search(read):
        return Route.NOWHERE
    found = _match(raw_path.decode("latin-1"))
    return found if found is _match(read) else Route.NOWHERE


def _match(path: str) -> Route:
    if path in _EDGE_PATHS:
        return Route.EDGE
    if path == "/v1/usage" or path.startswith("/v1/usage/"):
        return Route.KEY_ADMIN
    if path.startswith(("/v1/", "/v1beta/")):
        return Route.RELAY
    if path == "/docs" or path.startswith(("/internal/", "/admin", "/auth/", "/portal")):
        return Route.KEY_ADMIN
    return Route.NOWHERE
