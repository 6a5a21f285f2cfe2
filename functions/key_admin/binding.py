"""What keys and teams are bound to must be there."""

from common.domain.accounts import built_in_account_id
from common.domain.routing import Routing
from common.store import accounts, routing
from common.store.database import Connection
from functions.key_admin.operation import Call
from functions.key_admin.problem import invalid_field


async def check_binding(
    call: Call, connection: Connection, before: Routing, after: Routing
) -> None:
    """The account or group that a level is newly bound to is there. Raises `Problem` 422.

    A group stays until the transaction ends.
    """
    account_id, group_id = after.account_id, after.group_id
    if account_id not in (None, before.account_id):
        await check_account(call, connection, "account_id", account_id or "")
    if group_id not in (None, before.group_id) and not await routing.share_group(
        connection, group_id or ""
    ):
        raise invalid_field("group_id", f"there is no group with the id {group_id}")


async def check_account(call: Call, connection: Connection, field: str, account_id: str) -> None:
    """It is built in or stored. Raises `Problem` 422 that names the field."""
    built_in = {built_in_account_id(one.provider) for one in call.services.settings.accounts}
    if account_id not in built_in and await accounts.find(connection, account_id) is None:
        raise invalid_field(field, f"there is no account with the id {account_id}")
