"""Budgets and limits as a tree: what is below a thing is asked for when it is opened."""

from starlette.responses import Response

from functions.key_admin.console.view import View

ROWS = 50
_PLACE = ("team_id", "no_team", "user_id")


async def show(view: View) -> Response:
    """The page; with htmx one place of the tree, or more of it."""
    place = {name: view.query.get(name, "") for name in _PLACE}
    cursor = view.query.get("cursor", "")
    page = await view.api.get("/internal/limits/tree", limit=ROWS, cursor=cursor, **place)
    below = "key" if place["user_id"] else "user" if any(place.values()) else "team"
    top = below == "team"
    sees_all = any(one["level"] == "organisation" for one in page["items"])
    return view.page(
        "budgets_place.html" if view.is_partial else "budgets.html",
        section="budgets",
        items=page["items"],
        below=below,
        place=place,
        next_cursor=page["next_cursor"],
        # Those without a team stand once, below all teams' first page.
        without_team=top and sees_all,
    )
