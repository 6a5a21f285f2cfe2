"""How far exports of the ledger are, for whoever watches: kept for an hour."""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from common.state.commands import RedisCommands

KEPT_S = 3600
# A page of rows takes less; after that nobody is writing any more.
SILENT_S = 30.0


class ExportProgress(msgspec.Struct, frozen=True):
    """Rows that were written, of about how many; `at` is when that was, UTC."""

    rows: int
    estimated: int
    state: Literal["running", "done", "broken"]
    at: datetime


async def put(commands: RedisCommands, prefix: str, name: str, progress: ExportProgress) -> None:
    """Keep it under that name. Raises `RedisUnavailable`."""
    content = msgspec.json.encode(progress)
    await commands.call("SET", f"{prefix}:export:{name}", content, "EX", KEPT_S)


async def get(commands: RedisCommands, prefix: str, name: str) -> ExportProgress | None:
    """None for one that is not known. One that stopped in silence is broken.

    Raises `RedisUnavailable`.
    """
    content = await commands.call("GET", f"{prefix}:export:{name}")
    if content is None:
        return None
    found = msgspec.json.decode(content, type=ExportProgress)
    silent_s = (datetime.now(UTC) - found.at).total_seconds()
    if found.state == "running" and silent_s > SILENT_S:
        return msgspec.structs.replace(found, state="broken")
    return found
