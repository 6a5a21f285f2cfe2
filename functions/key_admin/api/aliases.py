"""`/internal/aliases`: names that stand for models, by rules, for all keys."""

from typing import Any

from starlette.responses import Response

from common.domain.roles import ADMINISTER, SHARED
from common.domain.routing_table import AliasRule
from common.store import routing
from common.store.database import Connection
from common.store.routing import Entry
from functions.key_admin.bodies import check_name
from functions.key_admin.models.routing import (
    AliasAnswer,
    AliasList,
    AliasPut,
    NamePage,
    shown_rules,
    stored_rules,
)
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import not_found

PATH = "/internal/aliases"


async def put(call: Call) -> Response:
    """The alias stands for that from the next request on, whatever it stood for before."""
    name, rules = check_name(call.path["name"], "an alias"), stored_rules(call.sent(AliasPut))
    async with call.services.database.transaction() as connection:
        before = await routing.find_entry(connection, "alias", name)
        if before is not None:
            call.check_version(before.version)
        if before is None or stored(before) != rules:
            await routing.begin_change(connection)
            await routing.put_entry(connection, "alias", name, rules)
            shown = None if before is None else _audited(before)
            alias = await _found(connection, name)
            await call.audit(connection, "alias.put", name, before=shown, after=_audited(alias))
        alias = await _found(connection, name)
    await call.services.bring_projection_up_to_date()
    return _shown(alias)


async def list_aliases(call: Call) -> Response:
    """A page, by name."""
    query = call.sent(NamePage)
    async with call.services.database.transaction() as connection:
        found = await routing.page_of_entries(
            connection, "alias", after=query.cursor or "", limit=query.limit + 1
        )
    page = found[: query.limit]
    more = page[-1].name if len(found) > query.limit else None
    return answered(AliasList(items=[_answer(alias) for alias in page], next_cursor=more))


async def show(call: Call) -> Response:
    """One alias."""
    async with call.services.database.transaction() as connection:
        return _shown(await _found(connection, check_name(call.path["name"], "an alias")))


async def delete(call: Call) -> Response:
    """From the next request on the name is that of a model, or of nothing."""
    async with call.services.database.transaction() as connection:
        await routing.begin_change(connection)
        alias = await _found(connection, check_name(call.path["name"], "an alias"))
        await routing.delete_entry(connection, "alias", alias.name)
        await call.audit(connection, "alias.delete", alias.name, before=_audited(alias))
    await call.services.bring_projection_up_to_date()
    return Response(status_code=204)


def stored(entry: Entry) -> tuple[AliasRule, ...]:
    """The rules of what is kept."""
    return stored_rules(AliasPut(rules=shown_rules(entry.entry)))


async def _found(connection: Connection, name: str) -> Entry:
    entry = await routing.find_entry(connection, "alias", name)
    if entry is None:
        raise not_found(f"There is no alias {name!r}.")
    return entry


def _shown(alias: Entry) -> Response:
    return answered(_answer(alias), headers={"etag": etag(alias.version)})


def _answer(alias: Entry) -> AliasAnswer:
    return AliasAnswer(
        name=alias.name,
        rules=shown_rules(alias.entry),
        created_at=alias.created_at,
        updated_at=alias.updated_at,
    )


def _audited(alias: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = _answer(alias).model_dump(mode="json")
    return shown


_ONE = f"{PATH}/{{name}}"
OPERATIONS = (
    Operation("GET", PATH, list_aliases, "List aliases", "Routing", may=SHARED,
              answer=AliasList, query=NamePage),
    Operation("GET", _ONE, show, "Show an alias", "Routing", may=SHARED,
              answer=AliasAnswer, refusals=(404,)),
    Operation("PUT", _ONE, put, "Let a name stand for models", "Routing", may=ADMINISTER,
              answer=AliasAnswer, body=AliasPut, versioned=True, refusals=(404,)),
    Operation("DELETE", _ONE, delete, "Delete an alias", "Routing", may=ADMINISTER,
              status=204, refusals=(404,)),
)  # fmt: skip
