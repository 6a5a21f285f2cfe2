"""What team admins may say of keys and users: only what cannot loosen a bound.

Limits, budgets and access rules of a level bind beside those above it, so they may be set. What
the nearest level decides alone (accounts, groups, regions, rules of content) is for those who see
everything. So is who a user is: whoever signs in by a user's address or id has all keys of that
user, whatever team these are of.
"""

from pydantic import BaseModel

from common.domain.roles import Scope
from common.store import directory
from common.store.database import Connection
from functions.key_admin.models.keys import KeyCreate, KeyPatch
from functions.key_admin.operation import Call
from functions.key_admin.problem import invalid_field

_NARROWING = frozenset(("limits", "budgets", "calendar", "access"))
_TEAM_KEY = _NARROWING | {"name", "user_id", "team_id", "scopes", "models", "tags", "expires_at",
                          "activation", "status"}  # fmt: skip
_TEAM_USER = _NARROWING | {"id", "name", "team_id"}


async def scoped_key(call: Call, connection: Connection, given: KeyCreate) -> KeyCreate:
    """The key as its maker may make it: of their teams. Raises `Problem`."""
    scope = call.scope
    if scope.everything:
        return given
    _check_fields(given, _TEAM_KEY)
    team_id = team_of(call, given.team_id)
    if given.user_id is not None:
        user = await directory.find_user(connection, given.user_id)
        if user is None or not scope.covers(team_id=user.team_id):
            raise invalid_field(
                "user_id", "is no user of your teams: add them to one first, or leave it out"
            )
    return given.model_copy(update={"team_id": team_id})


def check_key_patch(call: Call, given: KeyPatch) -> None:
    """A team admin changes what cannot loosen a bound, within their teams. Raises `Problem`."""
    if call.scope.everything:
        return
    _check_fields(given, _TEAM_KEY)
    if "team_id" in given.model_fields_set:
        team_of(call, given.team_id, required=True)


def check_user_fields(call: Call, given: BaseModel) -> None:
    """The same of users. Raises `Problem`."""
    if not call.scope.everything:
        _check_fields(given, _TEAM_USER)


def may_say_who(scope: Scope) -> bool:
    """Whether they say by which address a user signs in (`email`)."""
    return scope.everything


async def check_new_user_id(call: Call, connection: Connection, user_id: str) -> None:
    """A team admin gives nobody an id by which another one is known. Raises `Problem` 422.

    The id outranks the address at a first sign-in, and keys and usage keep the id of a user who
    was deleted.
    """
    if call.scope.everything:
        return
    match await directory.user_id_taken(connection, user_id):
        case "user":
            raise invalid_field(
                "id", "is the id or the e-mail address of another user: ask an administrator"
            )
        case "past":
            raise invalid_field(
                "id", "is that of a user who was deleted: ask an administrator to give it again"
            )


def team_of(call: Call, team_id: str | None, *, required: bool = False) -> str | None:
    """The team that a team admin names, or the only one they have. Raises `Problem` 422."""
    team_ids = call.scope.team_ids
    if team_ids is None:
        return team_id
    if team_id is None and len(team_ids) == 1 and not required:
        return next(iter(team_ids))
    if team_id not in team_ids:
        raise invalid_field("team_id", "must be one of your teams")
    return team_id


def _check_fields(given: BaseModel, allowed: frozenset[str]) -> None:
    for name in sorted(given.model_fields_set - allowed):
        raise invalid_field(name, "cannot be set by team admins: ask an administrator")
