"""Writing the ledger: records, sums and quarantine, inside a transaction of the caller."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Json

from common.domain.ids import ulid_to_hex
from common.domain.usage import UsageRecord
from common.store.database import Connection, query

# What Postgres says of a record that it will never take: a value that a column cannot hold, or a
# name too long for an index (an operational error to psycopg).
REFUSALS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
_ID_MEMBERS = ("id", "adjusts", "key_id", "team_id", "account_id")


async def insert(connection: Connection, records: Sequence[UsageRecord]) -> list[UUID]:
    """Write records with their sums; returns the ids that were new.

    What was there already changes nothing, sums included. Raises one of `REFUSALS` for values
    that the tables cannot hold.
    """
    if not records:
        return []
    # Not jsonb: building it costs as much as reading the text.
    rows = Json([flat(record) for record in records], dumps=msgspec.json.encode)
    cursor = await connection.execute(query("insert_records"), [rows])
    inserted = [row["id"] for row in await cursor.fetchall()]
    if inserted:
        await connection.execute(query("add_spend"), [inserted])
    return inserted


async def quarantine(
    connection: Connection, reason: str, detail: str, outbox_id: str | None, record: bytes
) -> None:
    """Keep what the ledger cannot take, once however often it comes."""
    fingerprint = hashlib.sha256(reason.encode() + b"\0" + record).digest()
    values = [fingerprint, reason, detail.replace("\0", ""), outbox_id, record]
    await connection.execute(query("quarantine"), values)


def flat(record: UsageRecord) -> dict[str, Any]:
    """The row of a record: token classes as columns, ids as UUIDs. Raises `InvalidId`."""
    row: dict[str, Any] = msgspec.to_builtins(record)
    row |= row.pop("tokens")
    for name in _ID_MEMBERS:
        if row[name] is not None:
            row[name] = ulid_to_hex(row[name])
    return row
