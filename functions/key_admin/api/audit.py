"""`/internal/audit`: who did what, when, from where, and what was before and after."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from common.domain.roles import READ
from common.store import inspection
from functions.key_admin.csv_table import CsvTable, Row
from functions.key_admin.models.fields import as_time
from functions.key_admin.models.operations import (
    AuditAnswer,
    AuditExported,
    AuditFilters,
    AuditList,
    AuditPage,
)
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.services import Services

PATH = "/internal/audit"
ROWS_AT_ONCE = 1000
COLUMNS = tuple(AuditExported.model_fields)


async def list_audit(call: Call) -> Response:
    """A page, newest first."""
    query = call.sent(AuditPage)
    async with call.services.database.transaction() as connection:
        found = await inspection.audit_rows(
            connection, _filters(query), before=query.cursor, limit=query.limit + 1
        )
    page = [AuditAnswer(**row) for row in found[: query.limit]]
    more = page[-1].id if len(found) > query.limit else None
    return answered(AuditList(items=page, next_cursor=more))


async def export(call: Call) -> Response:
    """Newest first, read page by page: its cost in memory is a page's, whatever its length.

    `before` and `after` are JSON.
    """
    headers = {
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="relay-audit.csv"',
        "x-accel-buffering": "no",
    }
    rows = _rows(call.services, _filters(call.sent(AuditFilters)))
    return StreamingResponse(rows, media_type="text/csv", headers=headers)


async def _rows(parts: Services, filters: dict[str, Any]) -> AsyncIterator[bytes]:
    table = CsvTable(COLUMNS)
    before: str | None = None
    while True:
        async with parts.database.transaction() as connection:
            found = await inspection.audit_rows(
                connection, filters, before=before, limit=ROWS_AT_ONCE
            )
        yield table.write([_cells(row) for row in found])
        if len(found) < ROWS_AT_ONCE:
            return
        before = found[-1]["id"]


def _cells(row: dict[str, Any]) -> Row:
    members = row | {name: _json(row["detail"].get(name)) for name in ("before", "after")}
    return [members[name] for name in COLUMNS]


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _filters(query: AuditFilters) -> dict[str, Any]:
    return {
        "actor": query.actor,
        "action": query.action,
        "subject_kind": query.subject_kind,
        "subject_id": query.subject_id,
        "since": as_time(query.since),
        "until": as_time(query.until),
    }


OPERATIONS = (
    Operation("GET", PATH, list_audit, "List what administrators did", "Operations",
              may=READ, answer=AuditList, query=AuditPage),
    Operation("GET", f"{PATH}.csv", export, "Export what administrators did", "Operations",
              may=READ, answer=AuditExported, answer_type="text/csv", query=AuditFilters),
)  # fmt: skip
