"""What is one's own: keys, what they used, what is left, the last requests."""

from starlette.responses import Response

from functions.key_admin.console.view import View
from functions.key_admin.portal.pages import figures

ROWS = 50


async def show(view: View) -> Response:
    """The page; who came with an API key has one key, and its page."""
    me = await view.api.get("/internal/self")
    if me["key_id"] is not None:
        return view.redirect(f"{view.home}/keys/{me['key_id']}")
    page = await view.api.get("/internal/self/keys", limit=ROWS, cursor=view.query.get("cursor"))
    return view.page(
        "portal_home.html",
        section="home",
        me=me,
        keys=page["items"],
        next_cursor=page["next_cursor"],
        key_names={one["id"]: one["name"] for one in page["items"]},
        **await figures.asked(view),
    )
