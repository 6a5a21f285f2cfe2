"""Master keys that were replaced and are accepted for a while longer."""

from datetime import datetime

from common.store.database import Connection, query


async def grant_grace(connection: Connection, key_hash: str, minutes: int) -> datetime:
    """Accept the key of that hash until then, whatever the current one is."""
    row = await (await connection.execute(query("grant_grace"), [key_hash, minutes])).fetchone()
    if row is None:
        raise LookupError("the row that was just written is not there")
    moment: datetime = row["accepted_until"]
    return moment


async def has_grace(connection: Connection, key_hash: str) -> bool:
    """Whether the key of that hash is still accepted."""
    return await (await connection.execute(query("has_grace"), [key_hash])).fetchone() is not None
