"""The receipt of a request of one's own."""

from starlette.responses import Response

from functions.key_admin.console.view import View


async def show(view: View, request_id: str) -> Response:
    """The page."""
    receipt = await view.api.get(f"/internal/self/requests/{request_id}")
    key = await view.api.get(f"/internal/self/keys/{receipt['key_id']}")
    return view.page("receipt.html", section="requests", receipt=receipt, key_name=key["name"])
