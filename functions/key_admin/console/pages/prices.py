"""Prices: what models cost now, and the operator's own books."""

from starlette.responses import Response

from functions.key_admin.console.forms import count
from functions.key_admin.console.view import View

ROWS = 60


async def show(view: View) -> Response:
    """The models whose name has what is searched for, some at a time."""
    search = view.query.get("search", "").strip().lower()
    found = await view.gather(
        prices=view.api.get("/internal/prices"),
        books=view.api.get_if_admitted("/internal/prices/books", {"items": []}),
    )
    items = [one for one in found["prices"]["items"] if search in one["model"].lower()]
    start = count(view.query.get("start", ""))
    return view.page(
        "prices_region.html" if view.is_partial else "prices.html",
        section="prices",
        search=view.query.get("search", ""),
        count=len(items),
        version=items[0]["price_version"] if items else "",
        prices=items[start : start + ROWS],
        following=start + ROWS if start + ROWS < len(items) else None,
        books=found["books"]["items"],
        done=view.query.get("done", ""),
    )
