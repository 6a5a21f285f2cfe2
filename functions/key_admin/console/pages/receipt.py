"""The receipt of one request: what it used, what that cost, and why."""

from starlette.responses import Response

from functions.key_admin.console.pages import names
from functions.key_admin.console.view import View


async def show(view: View, request_id: str) -> Response:
    """The page."""
    receipt = await view.api.get(f"/internal/usage/requests/{request_id}/receipt")
    found = await view.gather(
        keys=names.of_keys(view, [receipt["key_id"]]),
        teams=names.of_teams(view),
        accounts=names.of_accounts(view),
    )
    return view.page(
        "receipt.html",
        section="requests",
        receipt=receipt,
        key_name=found["keys"].get(receipt["key_id"], receipt["key_id"]),
        team_name=found["teams"].get(receipt["team_id"], receipt["team_id"]),
        account_name=found["accounts"].get(receipt["account_id"], receipt["account_id"]),
    )
