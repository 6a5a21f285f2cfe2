"""Where in a text a language model found something: offsets, types and scores, never the text.

The keys are made from a keyed hash of the text, and carry the hash tag of admission: many are read
at once, and of a Cluster only the tag's node is asked.
"""

import asyncio
from collections.abc import Mapping, Sequence

from common.state.commands import RedisCommands

_READ_AT_ONCE = 500


class FoundSpans:
    """Remembers and finds them. Raises `RedisUnavailable`, `RedisReplyError`."""

    def __init__(self, commands: RedisCommands, prefix: str, ttl_s: int) -> None:
        self._commands = commands
        self._prefix = f"{prefix}:spans:"
        self._ttl_s = ttl_s

    async def find(self, names: Sequence[str]) -> dict[str, bytes]:
        """What is remembered under those of the names that are known."""
        found: dict[str, bytes] = {}
        for start in range(0, len(names), _READ_AT_ONCE):
            some = names[start : start + _READ_AT_ONCE]
            values = await self._commands.call("MGET", *(self._prefix + name for name in some))
            found |= {
                name: value
                for name, value in zip(some, values, strict=True)
                if isinstance(value, bytes)
            }
        return found

    async def remember(self, values: Mapping[str, bytes]) -> None:
        """Keep them for the time that was set."""
        await asyncio.gather(
            *(
                self._commands.call("SET", self._prefix + name, value, "EX", self._ttl_s)
                for name, value in values.items()
            )
        )
