"""`/internal/models`: what is known of models, by Relay and by the operator."""

from typing import Any

import msgspec
from starlette.responses import Response

from common.domain.roles import ADMINISTER, SHARED
from common.domain.routing_table import ModelEntry
from common.model_catalogue import entry_of, shipped
from common.store import routing
from common.store.database import Connection
from functions.key_admin.bodies import check_name
from functions.key_admin.models.routing import ModelAnswer, ModelList, ModelPut, NamePage
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import not_found

PATH = "/internal/models"


async def put(call: Call) -> Response:
    """All that is said takes the place of what was known."""
    name = check_name(call.path["name"], "a model")
    entry = msgspec.convert(call.sent(ModelPut).model_dump(mode="json"), ModelEntry)
    async with call.services.database.transaction() as connection:
        before = (await _own(connection)).get(name)
        if before != entry:
            await routing.begin_change(connection)
            await routing.put_entry(connection, "model", name, entry)
            shown = None if before is None else _audited(name, before)
            await call.audit(
                connection, "model.put", name, before=shown, after=_audited(name, entry)
            )
    await call.services.bring_projection_up_to_date()
    return answered(_answer(name, entry, own=True))


async def list_models(call: Call) -> Response:
    """A page, by name: the operator's, and what Relay knows of others."""
    query = call.sent(NamePage)
    async with call.services.database.transaction() as connection:
        own = await _own(connection)
    known = shipped() | own
    names = [name for name in sorted(known) if name > (query.cursor or "")]
    page = names[: query.limit]
    items = [_answer(name, known[name], own=name in own) for name in page]
    more = page[-1] if len(names) > query.limit else None
    return answered(ModelList(items=items, next_cursor=more))


async def show(call: Call) -> Response:
    """One model; of a dated version what is known of its family."""
    name = check_name(call.path["name"], "a model")
    async with call.services.database.transaction() as connection:
        own = await _own(connection)
    entry = entry_of(own, name)
    if entry is None:
        raise not_found(f"Nothing is known of the model {name!r}.")
    return answered(_answer(name, entry, own=name in own))


async def delete(call: Call) -> Response:
    """What Relay knows by itself, if anything, holds again."""
    name = check_name(call.path["name"], "a model")
    async with call.services.database.transaction() as connection:
        await routing.begin_change(connection)
        before = (await _own(connection)).get(name)
        if before is None:
            raise not_found(f"There is no entry of your own of the model {name!r}.")
        await routing.delete_entry(connection, "model", name)
        await call.audit(connection, "model.delete", name, before=_audited(name, before))
    await call.services.bring_projection_up_to_date()
    return Response(status_code=204)


async def _own(connection: Connection) -> dict[str, ModelEntry]:
    _, table = await routing.projected(connection)
    return table.models


def _answer(name: str, entry: ModelEntry, *, own: bool) -> ModelAnswer:
    return ModelAnswer(name=name, own=own, **msgspec.structs.asdict(entry))


def _audited(name: str, entry: ModelEntry) -> dict[str, Any]:
    shown: dict[str, Any] = _answer(name, entry, own=True).model_dump(mode="json")
    return shown


_ONE = f"{PATH}/{{name}}"
OPERATIONS = (
    Operation("GET", PATH, list_models, "List what is known of models", "Routing", may=SHARED,
              answer=ModelList, query=NamePage),
    Operation("GET", _ONE, show, "Show what is known of a model", "Routing", may=SHARED,
              answer=ModelAnswer, refusals=(404,)),
    Operation("PUT", _ONE, put, "Say what is known of a model", "Routing", may=ADMINISTER,
              answer=ModelAnswer, body=ModelPut, refusals=(404,)),
    Operation("DELETE", _ONE, delete, "Take back what was said of a model", "Routing",
              may=ADMINISTER,
              status=204, refusals=(404,)),
)  # fmt: skip
