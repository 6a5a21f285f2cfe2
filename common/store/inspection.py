"""What operators look at: the audit trail, the quarantine, dead letters."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from common.domain.ids import ulid_to_uuid, uuid_to_ulid
from common.store.database import Connection, query


class Quarantined(msgspec.Struct, frozen=True):
    """A record that the ledger could not take. `record` are the bytes as they came."""

    fingerprint: bytes
    reason: str
    detail: str
    outbox_id: str | None
    record: bytes
    received_at: datetime


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that nobody took, with its attributes and its data's bytes."""

    id: str
    received_at: datetime
    event_id: str
    event_source: str
    event_type: str
    error_code: str | None
    error_destination: str | None
    attributes: dict[str, str]
    body: bytes
    retried_at: datetime | None


async def audit_rows(
    connection: Connection, filters: dict[str, Any], *, before: str | None, limit: int
) -> list[dict[str, Any]]:
    """Rows of the trail, newest first. `filters` has actor, action, subject and times."""
    values = filters | {"before": _uuid(before), "limit": limit}
    cursor = await connection.execute(query("select_audit"), values)
    return [{**row, "id": uuid_to_ulid(row["id"])} for row in await cursor.fetchall()]


async def quarantined(
    connection: Connection,
    *,
    fingerprint: bytes | None = None,
    reason: str | None = None,
    before: bytes | None = None,
    limit: int = 1,
) -> list[Quarantined]:
    """Records in quarantine, newest first; `before` is the last fingerprint of the page before."""
    values = {"fingerprint": fingerprint, "reason": reason, "before": before, "limit": limit}
    cursor = await connection.execute(query("select_quarantine"), values)
    return [Quarantined(**row) for row in await cursor.fetchall()]


async def release(connection: Connection, fingerprint: bytes) -> bool:
    """Take a record out of quarantine: the ledger has it now. False when it was out already."""
    cursor = await connection.execute(query("delete_quarantined"), [fingerprint])
    return bool(cursor.rowcount)


async def dead_letters(
    connection: Connection,
    *,
    letter_id: str | None = None,
    before: str | None = None,
    limit: int = 1,
) -> list[DeadLetter]:
    """Dead letters, newest first; `before` is the last id of the page before."""
    values = {"id": _uuid(letter_id), "before": _uuid(before), "limit": limit}
    cursor = await connection.execute(query("select_dead_letters"), values)
    return [DeadLetter(**{**row, "id": uuid_to_ulid(row["id"])}) for row in await cursor.fetchall()]


async def keep_dead_letter(
    connection: Connection, letter_id: str, attributes: dict[str, str], body: bytes
) -> None:
    """Keep an event by its source and id; one that is there already is renewed.

    `attributes` are all of CloudEvents 1.0 and the broker's extensions, `body` the data's bytes.
    """
    values = {
        "id": ulid_to_uuid(letter_id),
        "event_id": attributes["id"],
        "event_source": attributes["source"],
        "event_type": attributes["type"],
        # Which extensions the broker adds: knative/eventing docs, dead letter sink.
        "error_code": attributes.get("knativeerrorcode"),
        "error_destination": attributes.get("knativeerrordest"),
        "attributes": Jsonb(attributes),
        "body": body,
    }
    await connection.execute(query("upsert_dead_letter"), values)


async def mark_retried(connection: Connection, letter_id: str) -> None:
    """The event was sent again."""
    await connection.execute(query("mark_dead_letter_retried"), [ulid_to_uuid(letter_id)])


def _uuid(ulid: str | None) -> UUID | None:
    return None if ulid is None else ulid_to_uuid(ulid)
