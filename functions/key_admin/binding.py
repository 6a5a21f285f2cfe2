"""What keys and teams are bound to must be there."""

from common.domain.accounts import built_in_account_id
from common.domain.routing import Routing
from common.store import accounts, routing
from common.store.database import Connection
from functions.key_admin.operation import Call
from functions.key_admin.problem import conflict, invalid_field


async def check_binding(
    call: Call, connection: Connection, before: Routing, after: Routing
) -> None:
    """The account or group that a level is newly bound to is there. Raises `Problem` 422.

    It stays until the transaction ends.
    """
    account_id, group_id = after.account_id, after.group_id
    if account_id not in (None, before.account_id):
        await check_account(call, connection, "account_id", account_id or "")
    if group_id not in (None, before.group_id) and not await routing.share_group(
        connection, group_id or ""
    ):
        raise invalid_field("group_id", f"there is no group with the id {group_id}")


async def check_account(call: Call, connection: Connection, field: str, account_id: str) -> None:
    """It is built in or stored, and stays for the transaction. Raises `Problem` 422 by field."""
    if not await _is_there(call, connection, account_id):
        raise invalid_field(field, f"there is no account with the id {account_id}")


async def check_restorable(call: Call, connection: Connection, routing: Routing) -> None:
    """The account that a key was bound to is still there. Raises `Problem` 409."""
    account_id = routing.account_id
    if account_id is not None and not await _is_there(call, connection, account_id):
        raise conflict(
            f"The key is bound to the account {account_id}, which was deleted: unbind it first "
            "(PATCH with account_id: null; relayctl keys update --unbound)."
        )


async def _is_there(call: Call, connection: Connection, account_id: str) -> bool:
    built_in = {built_in_account_id(one.provider) for one in call.services.settings.accounts}
    return account_id in built_in or await accounts.share(connection, account_id)
