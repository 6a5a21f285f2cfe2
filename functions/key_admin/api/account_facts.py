"""What is known of accounts beside what they are: presets, their errors, and who uses them."""

from datetime import UTC, datetime

import msgspec
from starlette.responses import Response

from common.domain.account_presets import PRESETS
from common.domain.roles import READ
from common.state.account_failures import failure_history
from common.store import accounts, routing
from common.store.database import Connection
from common.store.routing import Bound
from functions.key_admin.account_answers import built_in
from functions.key_admin.bodies import check_id
from functions.key_admin.models.account_calls import (
    AccountError,
    AccountErrors,
    AccountPreset,
    AccountPresets,
    AccountUser,
    AccountUsers,
)
from functions.key_admin.operation import Call, Operation, answered
from functions.key_admin.problem import conflict, not_found

PATH = "/internal/accounts"
USERS_MAX = 100
NAMED_MAX = 10


async def list_presets(call: Call) -> Response:
    """What a new account of each kind begins with: address, quirks, where its credential is."""
    del call
    return answered(
        AccountPresets(items=[AccountPreset(**msgspec.structs.asdict(one)) for one in PRESETS])
    )


async def list_errors(call: Call) -> Response:
    """How the account failed of late; `health` of the account says what follows from it."""
    account_id = await _checked(call)
    services = call.services
    found = await failure_history(services.redis, services.settings.state_prefix, account_id)
    items = [
        AccountError(
            at=datetime.fromtimestamp(one.at_ms / 1000, UTC),
            reason=one.reason,
            status=one.status,
            message=one.message,
            count=one.count,
        )
        for one in found
    ]
    return answered(AccountErrors(items=items))


async def list_users(call: Call) -> Response:
    """Groups that the account is in, keys and teams that are bound to it."""
    account_id = await _checked(call)
    async with call.services.database.transaction() as connection:
        found = await routing.users_of_account(connection, account_id, USERS_MAX)
    items = [AccountUser(**msgspec.structs.asdict(one)) for one in found]
    return answered(AccountUsers(items=items))


async def check_unused(connection: Connection, account_id: str) -> None:
    """Nobody would be left without accounts. Raises `Problem` 409 that names who would."""
    found = await routing.users_of_account(connection, account_id, NAMED_MAX)
    if users := [one for one in found if not one.revoked]:
        raise conflict(
            "The account is in use: take it out of these groups, or bind these to something else, "
            f"first: {_named(users[:NAMED_MAX])}"
            + (" and maybe others." if len(users) >= NAMED_MAX else ".")
        )


def _named(users: list[Bound]) -> str:
    return ", ".join(f"{one.kind} {one.name!r} ({one.id})" for one in users)


async def _checked(call: Call) -> str:
    """The id in the path. Raises `Problem` 404."""
    account_id = check_id(call.path["account_id"], "account")
    if any(one.id == account_id for one in built_in(call, None)):
        return account_id
    async with call.services.database.transaction() as connection:
        if await accounts.find(connection, account_id) is None:
            raise not_found(f"There is no account with the id {account_id}.")
    return account_id


OPERATIONS = (
    Operation("GET", f"{PATH}/presets", list_presets, "List kinds of accounts", "Accounts",
              may=READ, answer=AccountPresets),
    Operation("GET", f"{PATH}/{{account_id}}/errors", list_errors, "List an account's errors",
              "Accounts", may=READ, answer=AccountErrors, refusals=(404,)),
    Operation("GET", f"{PATH}/{{account_id}}/users", list_users, "List who uses an account",
              "Accounts", may=READ, answer=AccountUsers, refusals=(404,)),
)  # fmt: skip
