"""`/internal/users`. A user's id is your own string; a key that names a new one makes it."""

from typing import Any
from urllib.parse import quote

import msgspec
import psycopg
from starlette.responses import Response

from common.domain.policies import NO_POLICY, user_scope
from common.domain.roles import OPERATE, OPERATE_TEAMS, READ_TEAMS
from common.store import directory, sessions
from common.store.database import Connection
from common.store.directory import User
from functions.key_admin.in_use import NAMED_MAX, named
from functions.key_admin.models.directory import (
    UserAnswer,
    UserCreate,
    UserList,
    UserPage,
    UserPatch,
)
from functions.key_admin.models.limits import (
    PolicyPatch,
    patched_policy,
    policy_of,
    shown,
)
from functions.key_admin.operation import Call, Operation, answered, etag
from functions.key_admin.problem import Problem, conflict, invalid_field, not_found, taken
from functions.key_admin.projecting import project_policy
from functions.key_admin.scoping import check_new_user_id, check_user_fields, team_of

PATH = "/internal/users"


async def create(call: Call) -> Response:
    """201; 409 when there is one of that id."""
    given = call.sent(UserCreate)
    check_user_fields(call, given)
    team_id = team_of(call, given.team_id)
    async with call.services.database.transaction() as connection:
        if await directory.find_user(connection, given.id) is None:
            await check_new_user_id(call, connection, given.id)
        try:
            await directory.create_user(
                connection, given.id, given.name, given.email, team_id, policy_of(given)
            )
        except psycopg.errors.UniqueViolation:
            raise taken(
                "id",
                f"There is a user with the id {given.id!r} already: change it with PATCH "
                f"{PATH}/{quote(given.id, safe='')} (relayctl users update).",
            ) from None
        except psycopg.errors.ForeignKeyViolation:
            raise _no_such_team(given.team_id) from None
        user = await _found(connection, given.id)
        await call.audit(connection, "user.create", user.id, after=_audited(user))
        await project_policy(call, connection, user_scope(user.id), NO_POLICY, user.policy)
    await _done(call)
    return _shown(user, 201)


async def list_users(call: Call) -> Response:
    """A page, by id."""
    query = call.sent(UserPage)
    seen = call.scope.bounds(query.team_id)
    async with call.services.database.transaction() as connection:
        found = await directory.page_of_users(
            connection,
            after=query.cursor,
            team_ids=seen.team_ids,
            search=query.search,
            limit=query.limit + 1,
        )
    page = found[: query.limit]
    more = page[-1].id if len(found) > query.limit else None
    return answered(UserList(items=[_answer(user) for user in page], next_cursor=more))


async def show(call: Call) -> Response:
    """One user."""
    async with call.services.database.transaction() as connection:
        return _shown(await _seen(call, connection))


async def patch(call: Call) -> Response:
    """What was sent is changed."""
    given = call.sent(UserPatch)
    check_user_fields(call, given)
    if "team_id" in given.model_fields_set:
        team_of(call, given.team_id, required=True)
    async with call.services.database.transaction() as connection:
        before = await _seen(call, connection)
        call.check_version(before.version)
        own = given.model_fields_set - PolicyPatch.model_fields.keys()
        changes: dict[str, Any] = {name: getattr(given, name) for name in own}
        changes["policy"] = patched_policy(before.policy, given)
        patched = msgspec.structs.replace(before, **changes)
        if patched == before:
            return _shown(before)
        try:
            written = await directory.update_user(connection, patched)
        except psycopg.errors.ForeignKeyViolation:
            raise _no_such_team(given.team_id) from None
        if not written:
            raise conflict("The user was changed by another call at the same time; try again.")
        scope = user_scope(before.id)
        await project_policy(call, connection, scope, before.policy, patched.policy)
        if patched.subject != before.subject:
            await sessions.end_all_of_user(connection, before.id, "revoked")
        user = await _found(connection, before.id)
        await call.audit(
            connection, "user.update", user.id, before=_audited(before), after=_audited(user)
        )
    await _done(call)
    return _shown(user)


async def delete(call: Call) -> Response:
    """204; 409 while the user has active keys. Usage of the past keeps the id."""
    async with call.services.database.transaction() as connection:
        user = await _found(connection, call.path["user_id"])
        if user.active_keys:
            found = await directory.active_keys_of_user(connection, user.id, NAMED_MAX)
            raise conflict(
                f"The user has {user.active_keys} active keys: revoke them first: {named(*found)}."
            )
        await directory.delete_user(connection, user.id)
        await sessions.end_all_of_user(connection, user.id, "revoked")
        await call.audit(connection, "user.delete", user.id, before=_audited(user))
        await project_policy(call, connection, user_scope(user.id), user.policy, NO_POLICY)
    await _done(call)
    return Response(status_code=204)


async def _done(call: Call) -> None:
    """After the commit: what limits it is projected as it is now."""
    if call.projected_ahead:
        await call.services.bring_projection_up_to_date()


async def _seen(call: Call, connection: Connection) -> User:
    """The user, if the caller sees them."""
    user = await _found(connection, call.path["user_id"])
    if not call.scope.covers(team_id=user.team_id):
        raise _no_user(user.id)
    return user


async def _found(connection: Connection, user_id: str) -> User:
    if "\0" in user_id:
        raise not_found("There is no user with this id.")
    user = await directory.find_user(connection, user_id)
    if user is None:
        raise _no_user(user_id)
    return user


def _no_user(user_id: str) -> Problem:
    return not_found(f"There is no user with the id {user_id[:200]!r}.")


def _shown(user: User, status: int = 200) -> Response:
    return answered(_answer(user), status, {"etag": etag(user.version)})


def _answer(user: User) -> UserAnswer:
    members = msgspec.structs.asdict(user)
    del members["version"], members["policy"]
    return UserAnswer(**members, **shown(user.policy))


def _audited(user: User) -> dict[str, Any]:
    shown: dict[str, Any] = _answer(user).model_dump(mode="json", exclude={"active_keys"})
    return shown


def _no_such_team(team_id: str | None) -> Problem:
    return invalid_field("team_id", f"there is no team with the id {team_id}")


_ONE = f"{PATH}/{{user_id}}"
OPERATIONS = (
    Operation("POST", PATH, create, "Add a user", "Users", may=OPERATE_TEAMS,
              status=201, answer=UserAnswer, body=UserCreate, refusals=(409,)),
    Operation("GET", PATH, list_users, "List users", "Users", may=READ_TEAMS,
              answer=UserList, query=UserPage),
    Operation("GET", _ONE, show, "Show a user", "Users", may=READ_TEAMS,
              answer=UserAnswer, refusals=(404,)),
    Operation("PATCH", _ONE, patch, "Change a user", "Users", may=OPERATE_TEAMS,
              answer=UserAnswer, body=UserPatch, versioned=True, refusals=(404, 409)),
    Operation("DELETE", _ONE, delete, "Delete a user", "Users", may=OPERATE,
              status=204, refusals=(404, 409)),
)  # fmt: skip
