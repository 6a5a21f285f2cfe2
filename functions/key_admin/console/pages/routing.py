"""Routing: what the organisation and teams bind requests to, and which models stand in."""

from starlette.responses import Response

from functions.key_admin.console.pages import names
from functions.key_admin.console.view import View

RULES = ("account_id", "group_id", "regions", "fallbacks")


async def show(view: View) -> Response:
    """The organisation's rules, and the teams that have some of their own."""
    found = await view.gather(
        organisation=view.api.get("/internal/organisation"),
        teams=view.api.get("/internal/teams", limit=names.TEAMS_MAX),
        groups=names.of_groups(view),
        accounts=names.of_accounts(view),
    )
    teams = sorted(found["teams"]["items"], key=lambda one: one["name"].lower())
    return view.page(
        "routing.html",
        section="routing",
        organisation=found["organisation"],
        ruled=[one for one in teams if any(one[name] for name in RULES)],
        others=[one for one in teams if not any(one[name] for name in RULES)],
        groups=found["groups"],
        accounts=found["accounts"],
        done=view.query.get("done", ""),
    )
