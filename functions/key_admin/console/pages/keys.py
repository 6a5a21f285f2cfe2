"""Keys: found by anything that is known of them."""

import re

from starlette.responses import Response

from common.domain.keys import key_prefix_of
from functions.key_admin.console.forms import count
from functions.key_admin.console.pages import names
from functions.key_admin.console.pages.keys_change import FILTERS
from functions.key_admin.console.view import View
from functions.key_admin.services import services

STATUSES = ("active", "disabled", "revoked", "expired")
SORTS = ("newest", "oldest", "name")
ROWS = 50
DONE = ("changed", "revoked")


async def show(view: View) -> Response:
    """A page of them; with htmx the rows alone."""
    query = view.query
    prefix = services().settings.api_key_prefix
    search = query.get("search", "").strip()
    if (cut := without_secret(search, prefix)) != search:
        return view.redirect(view.here(search=cut))
    asked = {
        "search": search,
        "status": query.get("status", "") if query.get("status") in STATUSES else "",
        "team_id": query.get("team_id", ""),
        "user_id": query.get("user_id", ""),
        "tag": query.get("tag", "").strip(),
        "sort": query.get("sort") if query.get("sort") in SORTS else "newest",
    }
    found = await view.gather(
        page=view.api.get("/internal/api-keys", limit=ROWS, cursor=query.get("cursor"), **asked),
        teams=names.of_teams(view),
    )
    keys = found["page"]["items"]
    spent: dict[str, dict[str, str]] = {}
    if keys:
        ids = ",".join(one["id"] for one in keys)
        answer = await view.api.get("/internal/spend", key_ids=ids)
        spent = {one["key_id"]: one for one in answer["items"]}
    template = "keys_region.html" if view.is_partial else "keys.html"
    return view.page(
        template,
        section="keys",
        done=query.get("done") if query.get("done") in DONE else "",
        done_count=str(count(query.get("n", ""))),
        asked=asked,
        prefix=prefix,
        filtered=any(asked[name] for name in FILTERS),
        keys=keys,
        next_cursor=found["page"]["next_cursor"],
        teams=found["teams"],
        spent=spent,
        statuses=STATUSES,
        sorts=SORTS,
    )


def without_secret(search: str, prefix: str) -> str:
    """A key's beginning in place of a whole secret, which belongs into no address."""
    is_secret = search.startswith(prefix) and re.fullmatch(r"[\w-]+", search) is not None
    return key_prefix_of(search, prefix) if is_secret else search
