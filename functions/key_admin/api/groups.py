"""`/internal/groups`: groups of accounts, which keys and teams can be bound to."""

from typing import Any

import msgspec
import psycopg
from starlette.responses import Response

from common import projection
from common.domain.roles import ADMINISTER, READ
from common.domain.routing_table import RoutingTable, narrowed_table
from common.identifiers import new_ulid
from common.store import routing
from common.store.database import Connection
from common.store.routing import Group
from functions.key_admin.binding import check_account
from functions.key_admin.bodies import check_id
from functions.key_admin.models.routing import (
    BoundToGroup,
    GroupAnswer,
    GroupCreate,
    GroupList,
    GroupPage,
    GroupPatch,
    GroupShown,
)
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import Problem, conflict, not_found, taken

PATH = "/internal/groups"


async def create(call: Call) -> Response:
    """201; 409 when there is one of that name."""
    given = call.sent(GroupCreate)
    group_id = new_ulid()
    async with call.services.database.transaction() as connection:
        await routing.begin_change(connection)
        await _check_accounts(call, connection, given.account_ids, ())
        try:
            await routing.create_group(connection, group_id, given.name, tuple(given.account_ids))
        except psycopg.errors.UniqueViolation:
            raise _name_taken(given.name) from None
        group = await _found(connection, group_id)
        await call.audit(connection, "group.create", group_id, after=_audited(group))
    await call.services.bring_projection_up_to_date()
    answer = _shown(group, 201)
    answer.headers["location"] = f"{PATH}/{group_id}"
    return answer


async def list_groups(call: Call) -> Response:
    """A page, newest first."""
    query = call.sent(GroupPage)
    async with call.services.database.transaction() as connection:
        found = await routing.page_of_groups(connection, before=query.cursor, limit=query.limit + 1)
    page = found[: query.limit]
    more = page[-1].id if len(found) > query.limit else None
    return answered(GroupList(items=[_answer(group) for group in page], next_cursor=more))


async def show(call: Call) -> Response:
    """One group, and who is bound to it."""
    async with call.services.database.transaction() as connection:
        group = await _found(connection, call.path["group_id"])
        bound = await routing.bound_to(connection, "group_id", group.id)
    members = [BoundToGroup(kind=one.kind, id=one.id, name=one.name) for one in bound]
    shown = GroupShown(**_audited(group), bound=members, more_bound=len(bound) == routing.NAMED_MAX)
    return answered(shown, headers={"etag": etag(group.version)})


async def patch(call: Call) -> Response:
    """What was sent is changed, on the next request everywhere."""
    given = call.sent(GroupPatch)
    async with call.services.database.transaction() as connection:
        _, table = await routing.projected(connection)
        await routing.begin_change(connection)
        before = await _found(connection, call.path["group_id"])
        call.check_version(before.version)
        changes: dict[str, Any] = {name: getattr(given, name) for name in given.model_fields_set}
        patched = msgspec.structs.replace(before, **changes)
        patched = msgspec.structs.replace(patched, account_ids=tuple(patched.account_ids))
        if patched == before:
            return _shown(before)
        await _check_accounts(call, connection, list(patched.account_ids), before.account_ids)
        try:
            written = await routing.update_group(connection, patched)
        except psycopg.errors.UniqueViolation:
            raise _name_taken(patched.name) from None
        if not written:
            raise conflict("The group was changed by another call at the same time; try again.")
        await _project_ahead(call, connection, table)
        group = await _found(connection, before.id)
        await call.audit(
            connection, "group.update", group.id, before=_audited(before), after=_audited(group)
        )
    await call.services.bring_projection_up_to_date()
    return _shown(group)


async def delete(call: Call) -> Response:
    """204; 409 while keys or teams are bound to it, revoked keys too, with some of them named."""
    async with call.services.database.transaction() as connection:
        await routing.begin_change(connection)
        group = await _found(connection, call.path["group_id"])
        await routing.delete_group(connection, group.id)
        bound = await routing.bound_to(connection, "group_id", group.id)
        if bound:
            named = ", ".join(f"{one.kind} {one.name!r} ({one.id})" for one in bound)
            raise conflict(
                f"The group is in use: bind these to something else first: {named}"
                + (" and maybe others" if len(bound) == routing.NAMED_MAX else "")
                + " (revoked keys count: PATCH group_id: null unbinds them as they are)."
            )
        await call.audit(connection, "group.delete", group.id, before=_audited(group))
    await call.services.bring_projection_up_to_date()
    return Response(status_code=204)


async def _project_ahead(call: Call, connection: Connection, before: RoutingTable) -> None:
    """Redis gets what a change takes away before the commit, and nothing that it gives."""
    version, after = await routing.projected(connection)
    both = narrowed_table(before, after)
    if both == before:
        return
    call.projected_ahead = True
    settings = call.services.settings
    await projection.put_routing_ahead(call.services.redis, settings.state_prefix, version, both)
    if both != after:
        # What is committed is another version than what Redis has until then.
        await routing.begin_change(connection)


async def _check_accounts(
    call: Call, connection: Connection, account_ids: list[str], known: tuple[str, ...]
) -> None:
    """Those that are new in the group are there. Raises `Problem` 422."""
    for index, account_id in enumerate(account_ids):
        if account_id not in known:
            await check_account(call, connection, f"account_ids[{index}]", account_id)


async def _found(connection: Connection, group_id: str) -> Group:
    group = await routing.find_group(connection, check_id(group_id, "group"))
    if group is None:
        raise not_found(f"There is no group with the id {group_id}.")
    return group


def _shown(group: Group, status: int = 200) -> Response:
    return answered(_answer(group), status, {"etag": etag(group.version)})


def _answer(group: Group) -> GroupAnswer:
    return GroupAnswer(
        id=group.id,
        name=group.name,
        account_ids=list(group.account_ids),
        created_at=group.created_at,
        updated_at=group.updated_at,
    )


def _audited(group: Group) -> dict[str, Any]:
    shown: dict[str, Any] = _answer(group).model_dump(mode="json")
    return shown


def _name_taken(name: str) -> Problem:
    return taken("name", f"Another group is named {name!r}: names are unique.")


_ONE = f"{PATH}/{{group_id}}"
OPERATIONS = (
    Operation("POST", PATH, create, "Add a group of accounts", "Routing", may=ADMINISTER,
              status=201, answer=GroupAnswer, body=GroupCreate, refusals=(409,)),
    Operation("GET", PATH, list_groups, "List groups of accounts", "Routing", may=READ,
              answer=GroupList, query=GroupPage),
    Operation("GET", _ONE, show, "Show a group of accounts", "Routing", may=READ,
              answer=GroupShown, refusals=(404,)),
    Operation("PATCH", _ONE, patch, "Change a group of accounts", "Routing", may=ADMINISTER,
              answer=GroupAnswer, body=GroupPatch, versioned=True, refusals=(404, 409)),
    Operation("DELETE", _ONE, delete, "Delete a group of accounts", "Routing", may=ADMINISTER,
              status=204, refusals=(404, 409)),
)  # fmt: skip
