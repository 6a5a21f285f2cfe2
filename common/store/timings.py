"""How requests went: percentiles of what they took, of the newest ones."""

from datetime import datetime

import msgspec

from common.store.database import Connection
from common.store.usage import Filters, first_id, newest_rows, served_nothing

QUANTILES = (0.5, 0.9, 0.99)


class Timings(msgspec.Struct, frozen=True):
    """Figures of so many requests since `oldest`; times in ms, in the order of `QUANTILES`.

    An empty tuple: none was served, or none says it.
    """

    requests: int
    failures: int
    cache_hits: int
    tokens: int
    oldest: datetime | None
    latency_ms: tuple[int, ...]
    first_token_ms: tuple[int, ...]


async def timings(connection: Connection, filters: Filters, limit: int) -> Timings:
    """Of the newest requests that these filters leave, at most `limit`."""
    values = filters.values() | {
        "since": first_id(filters.since),
        "until": first_id(filters.until),
        "quantiles": list(QUANTILES),
        # What leaves nothing is not looked for; an aggregate says so as well.
        "limit": 0 if await served_nothing(connection, filters) else limit,
    }
    cursor = await connection.execute(newest_rows("select_timings", filters), values, prepare=False)
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("an aggregate gave no row")
    for name in ("latency_ms", "first_token_ms"):
        row[name] = tuple(one for one in row[name] or () if one is not None)
    return Timings(**row)
