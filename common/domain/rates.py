"""What is left of a limit per minute, for the headers of answers."""

from typing import Literal

import msgspec

Unit = Literal["requests", "tokens"]


class Rate(msgspec.Struct, frozen=True):
    """At most `limit` a minute; `remaining` are left, and all of them after `reset_ms`."""

    unit: Unit
    limit: int
    remaining: int
    reset_ms: int
