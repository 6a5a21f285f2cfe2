"""Rows that are older than they are to be kept, of the tables whose rows have an age."""

from datetime import datetime
from typing import Any

from common.domain.ids import first_uuid
from common.store.database import Connection, query

# By which column each table's age is read: one with an index, where the table can be large.
AGES = {
    "usage_rollups": "since",
    # A row's id has its time.
    "audit": "id",
    "quarantine": "received_at",
    "dead_letters": "received_at",
    "idempotent_replies": "created_at",
    "notification_deliveries": "created_at",
}


async def delete_old(connection: Connection, table: str, before: datetime, limit: int) -> int:
    """Delete at most `limit` rows of a table of `AGES` that are older; returns how many."""
    statement = _statement("delete_old", table)
    return (await connection.execute(statement, [_bound(table, before), limit])).rowcount


async def count_old(connection: Connection, table: str, before: datetime, limit: int) -> int:
    """How many rows of a table of `AGES` are older, counted up to `limit`."""
    statement = _statement("count_old", table)
    row = await (await connection.execute(statement, [_bound(table, before), limit])).fetchone()
    return int(row["count"]) if row is not None else 0


def _statement(name: str, table: str) -> bytes:
    return query(name).decode().format(table=table, column=AGES[table]).encode()


def _bound(table: str, before: datetime) -> Any:
    if AGES[table] == "id":
        return first_uuid(before)
    return before
