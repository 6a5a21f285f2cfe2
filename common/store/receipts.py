"""Reading what receipts are made of: a request's rows, and the requests of one key."""

from datetime import datetime
from typing import Any

from common.domain.ids import first_ulid, ulid_time_ms, ulid_to_uuid
from common.store.database import Connection, query
from common.store.usage import first_id, ledger_row

# Of one receipt: the record and what corrects it.
ROWS_MAX = 500


async def rows_of(connection: Connection, request_id: str) -> list[dict[str, Any]]:
    """The record of a request (a ULID) and its adjustments after it; empty without a record."""
    values = {
        "id": ulid_to_uuid(request_id),
        "first_id": ulid_to_uuid(first_ulid(ulid_time_ms(request_id))),
        "limit": ROWS_MAX,
    }
    cursor = await connection.execute(query("select_receipt"), values)
    rows = [ledger_row(row) for row in await cursor.fetchall()]
    return rows if rows and rows[0]["kind"] == "usage" else []


async def requests_of(
    connection: Connection,
    key_id: str,
    *,
    since: datetime | None,
    until: datetime | None,
    before: str | None,
    limit: int,
) -> list[dict[str, Any]]:
    """A page of a key's requests, newest first; `before` is the last id of the page before.

    `since` is inclusive, `until` exclusive. `balance_usd` is the cost with all corrections.
    """
    values = {
        "key_id": ulid_to_uuid(key_id),
        "since": first_id(since),
        "until": first_id(until),
        "before": None if before is None else ulid_to_uuid(before),
        "limit": limit,
    }
    cursor = await connection.execute(query("select_own_requests"), values)
    return [ledger_row(row) for row in await cursor.fetchall()]
