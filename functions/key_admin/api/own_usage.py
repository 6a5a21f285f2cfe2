"""`/v1/usage`: receipts, and a list of requests, for the holder of the key that made them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.domain.keys import KeyRecord
from common.domain.refusals import Reason, Refusal, Refused
from common.store import receipts
from functions.key_admin.bodies import read_query
from functions.key_admin.callers import PATH, own
from functions.key_admin.models.fields import as_time
from functions.key_admin.models.receipts import OwnRequests, Pending, RequestsQuery
from functions.key_admin.operation import answered
from functions.key_admin.problem import RETRY_AFTER_S, invalid_field
from functions.key_admin.receipt import own_request, receipt_of
from functions.key_admin.recorded import find_rows
from functions.key_admin.services import Services

_NOT_KEPT = {"cache-control": "no-store"}


async def show_receipt(parts: Services, request: Request, key: KeyRecord) -> Response:
    """The receipt of one request; 202 until it is in the ledger.

    Of another key's request, and of none at all, the answer is the same.
    """
    request_id = request.path_params["request_id"]
    rows = await find_rows(parts, request_id, key.id)
    if rows is None:
        headers = {**_NOT_KEPT, "retry-after": str(RETRY_AFTER_S)}
        return answered(Pending(request_id=request_id), 202, headers)
    if not rows:
        message = f"No request of this API key has the id {request_id[:64]!r}."
        raise Refused(Refusal(Reason.REQUEST_NOT_FOUND, message, field="request_id"))
    return answered(receipt_of(rows), headers=_NOT_KEPT)


async def list_requests(parts: Services, request: Request, key: KeyRecord) -> Response:
    """A page of the key's requests, newest first."""
    query = read_query(request, RequestsQuery)
    since, until = as_time(query.since), as_time(query.until)
    if since is not None and until is not None and since >= until:
        raise invalid_field("until", "must be later than since")
    async with parts.database.transaction() as connection:
        found = await receipts.requests_of(
            connection,
            key.id,
            since=since,
            until=until,
            before=query.cursor,
            limit=query.limit + 1,
        )
    items = [own_request(row) for row in found[: query.limit]]
    more = items[-1].request_id if len(found) > query.limit else None
    return answered(OwnRequests(items=items, next_cursor=more), headers=_NOT_KEPT)


ROUTES = [
    Route(PATH, own(list_requests), methods=["GET"]),
    Route(f"{PATH}/{{request_id}}", own(show_receipt), methods=["GET"]),
]
