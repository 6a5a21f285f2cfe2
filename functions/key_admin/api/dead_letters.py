"""`/internal/dead-letters`: events that nobody took, and sending them again."""

import httpx
from starlette.responses import Response

from common.domain.roles import OPERATE, READ
from common.events.headers import encode_value
from common.store import inspection
from common.store.inspection import DeadLetter
from functions.key_admin.bodies import check_id, readable
from functions.key_admin.models.fields import Page
from functions.key_admin.models.operations import (
    DeadLetterAnswer,
    DeadLetterList,
    DeadLetterShown,
)
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import conflict, not_found, unavailable

PATH = "/internal/dead-letters"
SEND_S_MAX = 10.0
# What the broker added when it gave the event up (knative/eventing, dead letter sink).
_ADDED = "knative"


async def list_dead_letters(call: Call) -> Response:
    """A page, newest first."""
    query = call.sent(Page)
    async with call.services.database.transaction() as connection:
        found = await inspection.dead_letters(
            connection, before=query.cursor, limit=query.limit + 1
        )
    page = found[: query.limit]
    more = page[-1].id if len(found) > query.limit else None
    return answered(DeadLetterList(items=[_answer(one) for one in page], next_cursor=more))


async def show(call: Call) -> Response:
    """One with what it says."""
    letter = await _found(call)
    answer = DeadLetterShown(
        **_answer(letter).model_dump(),
        attributes=letter.attributes,
        data=readable(letter.body),
    )
    return answered(answer)


async def retry(call: Call) -> Response:
    """202: the broker has the event again. Whoever saw it before changes nothing by it."""
    sink = call.services.settings.sink_url
    if not sink:
        raise conflict("key_admin knows no broker: set K_SINK to its address.")
    found = await _found(call)
    await _send(sink, found)
    async with call.services.database.transaction() as connection:
        await inspection.mark_retried(connection, found.id)
        (letter,) = await inspection.dead_letters(connection, letter_id=found.id)
        before, after = (_answer(one).model_dump(mode="json") for one in (found, letter))
        await call.audit(connection, "dead-letter.retry", found.id, before=before, after=after)
    return answered(_answer(letter), 202)


async def _found(call: Call) -> DeadLetter:
    letter_id = check_id(call.path["letter_id"], "dead letter")
    async with call.services.database.transaction() as connection:
        found = await inspection.dead_letters(connection, letter_id=letter_id)
    if not found:
        raise not_found(f"There is no dead letter with the id {letter_id}.")
    return found[0]


async def _send(sink: str, letter: DeadLetter) -> None:
    """In CloudEvents' binary mode (HTTP binding 1.0, 3.1). Raises `Problem` 503."""
    headers = {
        f"ce-{name}": encode_value(value)
        for name, value in letter.attributes.items()
        if not name.startswith(_ADDED) and name != "datacontenttype"
    }
    headers["content-type"] = letter.attributes.get("datacontenttype", "application/json")
    try:
        async with httpx.AsyncClient(timeout=SEND_S_MAX) as client:
            answer = await client.post(sink, headers=headers, content=letter.body)
    except httpx.HTTPError as error:
        raise unavailable(f"The broker cannot be reached: {error!r}") from error
    if not answer.is_success:
        raise unavailable(f"The broker answered {answer.status_code}.")


def _answer(letter: DeadLetter) -> DeadLetterAnswer:
    return DeadLetterAnswer(
        id=letter.id,
        received_at=letter.received_at,
        event_id=letter.event_id,
        event_source=letter.event_source,
        event_type=letter.event_type,
        error_code=letter.error_code,
        error_destination=letter.error_destination,
        retried_at=letter.retried_at,
    )


OPERATIONS = (
    Operation("GET", PATH, list_dead_letters, "List events that nobody took", "Operations",
              may=READ,
              answer=DeadLetterList, query=Page),
    Operation("GET", f"{PATH}/{{letter_id}}", show, "Show an event that nobody took", "Operations",
              may=READ, answer=DeadLetterShown, refusals=(404,)),
    Operation("POST", f"{PATH}/{{letter_id}}/retry", retry, "Send an event again", "Operations",
              may=OPERATE,
              status=202, answer=DeadLetterAnswer, refusals=(404, 409)),
)  # fmt: skip
