"""Budgets of which a part is spent that somebody is to be told of: a Redis stream.

`thresholds.lua` writes it in the call that settles; an entry leaves it when its event was taken.
"""

import msgspec

from common.domain.thresholds import Passed
from common.state.commands import RedisCommands

_decoder = msgspec.msgpack.Decoder(Passed)


class Waiting(msgspec.Struct, frozen=True):
    """One entry; `passed` is None for one that cannot be read."""

    entry_id: str
    passed: Passed | None

    @property
    def time_ms(self) -> int:
        """When it was passed, ms since 1970."""
        return int(self.entry_id.partition("-")[0])


async def waiting(commands: RedisCommands, prefix: str, limit: int) -> list[Waiting]:
    """The oldest entries."""
    reply = await commands.call("XRANGE", _stream(prefix), "-", "+", "COUNT", limit)
    return [Waiting(entry[0].decode(), _read(entry[1][1])) for entry in reply]


async def taken(commands: RedisCommands, prefix: str, entry_id: str) -> None:
    """Its event was taken."""
    await commands.call("XDEL", _stream(prefix), entry_id)


def _read(packed: bytes) -> Passed | None:
    try:
        return _decoder.decode(packed)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None


def _stream(prefix: str) -> str:
    return f"{prefix}:thresholds"
