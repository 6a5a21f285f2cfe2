"""The audit trail: who did what to which thing, in the transaction that did it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from common.domain.ids import ulid_time_ms, ulid_to_uuid
from common.store.database import Connection, query


async def write(
    connection: Connection,
    *,
    audit_id: str,
    actor: str,
    via: str = "",
    action: str,
    subject_kind: str,
    subject_id: str,
    address: str,
    detail: Mapping[str, Any],
) -> None:
    """Add a row. `audit_id` is the request's id; `detail` never holds a secret.

    `via` is by what the actor was known: the id of a session or of a service account.
    """
    values = [
        ulid_to_uuid(audit_id),
        datetime.fromtimestamp(ulid_time_ms(audit_id) / 1000, UTC),
        actor,
        via,
        action,
        subject_kind,
        subject_id,
        address,
        Jsonb(dict(detail)),
    ]
    await connection.execute(query("insert_audit"), values)
