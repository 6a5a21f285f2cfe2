"""`/internal/quarantine`: usage records that the ledger could not take."""

from starlette.responses import Response

from common.domain.roles import OPERATE, READ
from common.posting import arrival_from_outbox, post
from common.state.outbox import OutboxEntry
from common.store import inspection
from common.store.database import Connection
from common.store.inspection import Quarantined
from functions.key_admin.bodies import readable
from functions.key_admin.models.operations import (
    QuarantineAnswer,
    QuarantineList,
    QuarantinePage,
)
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import conflict, invalid_field, not_found

PATH = "/internal/quarantine"
UNTRUSTED = "bad_signature"


async def list_quarantine(call: Call) -> Response:
    """A page, newest first."""
    query = call.sent(QuarantinePage)
    before = None
    if query.cursor is not None and (before := _fingerprint(query.cursor)) is None:
        raise invalid_field("cursor", "pass the `next_cursor` of the page before, unchanged")
    async with call.services.database.transaction() as connection:
        found = await inspection.quarantined(
            connection, reason=query.reason, before=before, limit=query.limit + 1
        )
    page = found[: query.limit]
    more = page[-1].fingerprint.hex() if len(found) > query.limit else None
    return answered(QuarantineList(items=[_answer(one) for one in page], next_cursor=more))


async def retry(call: Call) -> Response:
    """204: the ledger has the record now. 409 says why it still cannot take it."""
    async with call.services.database.transaction() as connection:
        found = await _found(call, connection)
    if found.reason == UNTRUSTED:
        raise conflict("Its signature is wrong: no relay of this installation wrote this record.")
    arrival = arrival_from_outbox(OutboxEntry(found.outbox_id or "", found.record))
    posted = await post(call.services.database, call.services.outbox, [arrival])
    if posted.quarantined:
        raise conflict(f"The ledger still cannot take it: {arrival.detail or found.detail}")
    async with call.services.database.transaction() as connection:
        if await inspection.release(connection, found.fingerprint):
            before = {"reason": found.reason, "detail": found.detail}
            after = {"ledger_id": arrival.record.id if arrival.record else None}
            subject_id = found.fingerprint.hex()
            await call.audit(connection, "quarantine.retry", subject_id, before=before, after=after)
    return Response(status_code=204)


async def _found(call: Call, connection: Connection) -> Quarantined:
    fingerprint = _fingerprint(call.path["record_id"])
    if fingerprint is not None:
        found = await inspection.quarantined(connection, fingerprint=fingerprint)
        if found:
            return found[0]
    raise not_found(f"There is no record with the id {call.path['record_id'][:64]!r} here.")


def _fingerprint(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _answer(one: Quarantined) -> QuarantineAnswer:
    return QuarantineAnswer(
        id=one.fingerprint.hex(),
        reason=one.reason,
        detail=one.detail,
        outbox_id=one.outbox_id,
        record=readable(one.record),
        received_at=one.received_at,
    )


OPERATIONS = (
    Operation("GET", PATH, list_quarantine, "List records that the ledger could not take",
              "Operations", may=READ, answer=QuarantineList, query=QuarantinePage),
    Operation("POST", f"{PATH}/{{record_id}}/retry", retry, "Post a record again", "Operations",
              may=OPERATE,
              status=204, refusals=(404, 409)),
)  # fmt: skip
