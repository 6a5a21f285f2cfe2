"""One's own requests, by key, model, outcome and day."""

from starlette.responses import Response

from functions.key_admin.console.filters import status_of
from functions.key_admin.console.pages.requests import STATUSES, rows, span_of
from functions.key_admin.console.view import View

KEYS_MAX = 500


async def show(view: View) -> Response:
    """A page of them; with htmx the rows alone."""
    query = view.query
    asked = {name: query.get(name, "").strip() for name in ("key_id", "model", "status")}
    span, errors = span_of(view)
    found = await view.gather(
        keys=view.api.get("/internal/self/keys", limit=KEYS_MAX),
        page=rows(view, "/internal/self/requests", asked | span, errors),
    )
    page, errors = found["page"]
    return view.page(
        "portal_requests_region.html" if view.is_partial else "portal_requests.html",
        status_of(view, errors),
        section="requests",
        asked=asked,
        errors=errors,
        fields=("from", "to", *asked),
        days={"from": query.get("from", ""), "to": query.get("to", "")},
        filtered=any(asked.values()) or bool(query.get("from") or query.get("to")),
        records=page["items"],
        next_cursor=page["next_cursor"],
        key_names={one["id"]: one["name"] for one in found["keys"]["items"]},
        statuses=STATUSES,
    )
