"""What comes back with a thought, in the one place for it: `encrypted_content`, byte for byte.

A provider's own signature means something to that provider only. It is marked with the format that
made it and with what it is, since the API has no other place for hidden thoughts and for the
signatures of calls; whatever is not marked is OpenAI's own.
"""

from typing import Literal, NamedTuple, get_args

Holds = Literal["signature", "redacted", "call"]

_MARK = "relay"
_HOLDS = frozenset(get_args(Holds))


class Carried(NamedTuple):
    """A thought's signature, a hidden one, or the next call's signature, as `origin` made it."""

    holds: Holds
    origin: str
    value: str


def marked(carried: Carried) -> str:
    """As it travels in another dialect."""
    return f"{_MARK}:{carried.holds}:{carried.origin}:{carried.value}"


def carried_in(text: str) -> Carried | None:
    """What `marked` wrote; None for a signature of the dialect's own."""
    mark, *rest = text.split(":", 3)
    if mark != _MARK or len(rest) != 3 or rest[0] not in _HOLDS:
        return None
    holds, origin, value = rest
    return Carried(holds, origin, value)  # type: ignore[arg-type] # one of `_HOLDS`
