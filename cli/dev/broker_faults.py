"""What the broker does wrong on request. At-least-once, unordered delivery allows it all but drop.

Written as `duplicate=2,shuffle,drop=0.1`, or as JSON for `PUT /faults`.
"""

from typing import Annotated

import msgspec

DUPLICATES_MAX = 10
SHUFFLE_MS = 500


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong; by default nothing.

    `duplicate`: how often each event is delivered. `shuffle_ms`: each delivery begins at a random
    time within so many milliseconds. `drop`: the share of deliveries that never happen.
    """

    duplicate: Annotated[int, msgspec.Meta(ge=1, le=DUPLICATES_MAX)] = 1
    shuffle_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 0
    drop: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0


def parse_faults(text: str) -> Faults:
    """The faults of a command line. Raises `ValueError` naming the wrong one."""
    members: dict[str, str | int] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name == "shuffle":
            members["shuffle_ms"] = value or SHUFFLE_MS
        else:
            members[name] = value
    try:
        return msgspec.convert(members, Faults, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"{text!r}: {error}; e.g. duplicate=2,shuffle=500,drop=0.1") from None
