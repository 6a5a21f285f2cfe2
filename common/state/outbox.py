"""The outbox: usage records that are settled and not yet in the ledger, a Redis stream.

An entry's id is the record's outbox id. Entries leave only after the ledger's transaction has
committed, so that a lost event, a dead broker or a killed aggregation loses nothing.
"""

from collections.abc import Sequence

import msgspec

from common.state.commands import RedisCommands, Script

CUT_LOCK = "reconcile-cut"


def cut_lock(prefix: str) -> str:
    """The key of the lock that a reconciliation holds while it looks; see `common.state.cut`."""
    return f"{prefix}:lock:{CUT_LOCK}"


def posted_during_cut(prefix: str) -> str:
    """Where entries are to be found that left the outbox while that lock was held."""
    return f"{prefix}:reconcile-posted"


class OutboxEntry(msgspec.Struct, frozen=True):
    """One settled record, as JSON, and its place in the outbox."""

    outbox_id: str
    record: bytes


class Outbox:
    """Reading and emptying; `settle.lua` writes."""

    def __init__(self, commands: RedisCommands, prefix: str) -> None:
        self._commands = commands
        self._stream = f"{prefix}:outbox"
        self._deleting = (self._stream, cut_lock(prefix), posted_during_cut(prefix))

    async def read(
        self, limit: int, after_id: str = "0", *, before_ms: int | None = None
    ) -> list[OutboxEntry]:
        """The oldest entries after that id ("0" = from the start), at most `limit`.

        `before_ms` leaves out what was settled at or after that time (ms since 1970).
        """
        start = "-" if after_id == "0" else f"({after_id}"
        end = "+" if before_ms is None else f"({before_ms}"
        reply = await self._commands.call("XRANGE", self._stream, start, end, "COUNT", limit)
        return [OutboxEntry(entry[0].decode(), entry[1][1]) for entry in reply]

    async def delete(self, outbox_ids: Sequence[str]) -> int:
        """Remove entries whose records are in the ledger; returns how many were there."""
        if not outbox_ids:
            return 0
        script = Script.load("delete_posted")
        return int(await self._commands.script(script, self._deleting, outbox_ids))

    async def depth(self) -> tuple[int, int | None]:
        """How many entries wait, and when the oldest was settled (ms since 1970)."""
        count = int(await self._commands.call("XLEN", self._stream))
        oldest = await self.read(1) if count else []
        return count, int(oldest[0].outbox_id.partition("-")[0]) if oldest else None
