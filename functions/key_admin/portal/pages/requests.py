"""One's own requests, by key, model, outcome and day."""

from starlette.responses import Response

from functions.key_admin.console.pages.requests import STATUSES, day_of
from functions.key_admin.console.ranges import day_after
from functions.key_admin.console.view import View

ROWS = 50
KEYS_MAX = 500


async def show(view: View) -> Response:
    """A page of them; with htmx the rows alone."""
    query = view.query
    asked = {name: query.get(name, "").strip() for name in ("key_id", "model", "status")}
    asked["status"] = asked["status"] if asked["status"] in STATUSES else ""
    since, until = day_of(query.get("from", "")), day_of(query.get("to", ""))
    found = await view.gather(
        keys=view.api.get("/internal/self/keys", limit=KEYS_MAX),
        page=view.api.get(
            "/internal/self/requests",
            limit=ROWS,
            cursor=query.get("cursor"),
            since="" if since is None else since.isoformat(),
            until="" if until is None else day_after(until).isoformat(),
            tz=view.zone_name,
            **asked,
        ),
    )
    return view.page(
        "portal_requests_region.html" if view.is_partial else "portal_requests.html",
        section="requests",
        asked=asked,
        days={"from": query.get("from", ""), "to": query.get("to", "")},
        filtered=any(asked.values()) or bool(query.get("from") or query.get("to")),
        records=found["page"]["items"],
        next_cursor=found["page"]["next_cursor"],
        key_names={one["id"]: one["name"] for one in found["keys"]["items"]},
        statuses=STATUSES,
    )
