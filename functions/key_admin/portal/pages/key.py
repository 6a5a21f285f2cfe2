"""One key of one's own: what it may, what it used, what is left, its last requests."""

from starlette.responses import Response

from functions.key_admin.console.view import View
from functions.key_admin.portal.pages import figures


async def show(view: View, key_id: str) -> Response:
    """The page."""
    found = await view.gather(
        key=view.api.get(f"/internal/self/keys/{key_id}"), me=view.api.get("/internal/self")
    )
    return view.page(
        "portal_key.html",
        section="home",
        done=view.query.get("done", ""),
        **found,
        **await figures.asked(view, key_id),
    )
