"""The usage object as a provider reported it, fit to be kept: figures and short names. Pure.

Receipts show it beside what Relay made of it. Providers are free to put anything there, so what
is not a figure or a word of theirs (a tier, a modality) is left out: never prompt text.
"""

import math
import re
from typing import Any

import msgspec

# Of one object as it came; the largest that providers document have some 600 bytes.
REPORTED_BYTES_MAX = 4096
DEPTH_MAX = 4
ITEMS_MAX = 32
# Exact in every reader of JSON, and far beyond any count.
FIGURE_MAX = 2**53
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_LEFT_OUT = object()


def reported_usage(parts: list[bytes]) -> dict[str, Any] | None:
    """The object that these JSON objects say together, later members over earlier ones.

    None when there is none. What is too large or no object counts as not reported.
    """
    found: dict[str, Any] = {}
    for part in parts:
        if len(part) > REPORTED_BYTES_MAX:
            continue
        try:
            read = msgspec.json.decode(part)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            continue
        kept = _kept(read, 0)
        if isinstance(kept, dict):
            found |= kept
    return found or None


def _kept(value: Any, depth: int) -> Any:
    if type(value) is int and -FIGURE_MAX <= value <= FIGURE_MAX:  # as nearly all of them
        return value
    match value:
        case None | bool():
            return value
        case int() | float():
            return value if math.isfinite(value) and abs(value) <= FIGURE_MAX else _LEFT_OUT
        case str():
            return value if _WORD.fullmatch(value) else _LEFT_OUT
        case dict() if depth < DEPTH_MAX:
            names = [name for name in value if _WORD.fullmatch(name)][:ITEMS_MAX]
            members = {name: _kept(value[name], depth + 1) for name in names}
            return {name: kept for name, kept in members.items() if kept is not _LEFT_OUT}
        case list() if depth < DEPTH_MAX:
            items = [_kept(item, depth + 1) for item in value[:ITEMS_MAX]]
            return [kept for kept in items if kept is not _LEFT_OUT]
        case _:
            return _LEFT_OUT
