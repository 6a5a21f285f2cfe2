"""`/internal/audit`: who did what, when, from where, and what was before and after."""

from starlette.responses import Response

from common.domain.roles import READ
from common.store import inspection
from functions.key_admin.models.fields import as_time
from functions.key_admin.models.operations import AuditAnswer, AuditList, AuditPage
from functions.key_admin.operation import Call, Operation, answered


async def list_audit(call: Call) -> Response:
    """A page, newest first."""
    query = call.sent(AuditPage)
    filters = {
        "actor": query.actor,
        "action": query.action,
        "subject_kind": query.subject_kind,
        "subject_id": query.subject_id,
        "since": as_time(query.since),
        "until": as_time(query.until),
    }
    async with call.services.database.transaction() as connection:
        found = await inspection.audit_rows(
            connection, filters, before=query.cursor, limit=query.limit + 1
        )
    page = [AuditAnswer(**row) for row in found[: query.limit]]
    more = page[-1].id if len(found) > query.limit else None
    return answered(AuditList(items=page, next_cursor=more))


OPERATIONS = (
    Operation("GET", "/internal/audit", list_audit, "List what administrators did", "Operations",
              may=READ,
              answer=AuditList, query=AuditPage),
)  # fmt: skip
