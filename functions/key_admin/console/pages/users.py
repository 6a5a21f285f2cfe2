"""Users, and one of them."""

from urllib.parse import quote

from starlette.responses import Response

from functions.key_admin.console import ranges
from functions.key_admin.console.pages import names, overview
from functions.key_admin.console.pages.teams import MEMBERS, ROWS
from functions.key_admin.console.view import View


async def show(view: View) -> Response:
    """A page of them, by id; with htmx the rows alone."""
    query = view.query
    asked = {"search": query.get("search", "").strip(), "team_id": query.get("team_id", "")}
    found = await view.gather(
        page=view.api.get("/internal/users", limit=ROWS, cursor=query.get("cursor"), **asked),
        teams=names.of_teams(view),
    )
    return view.page(
        "users_region.html" if view.is_partial else "users.html",
        section="users",
        asked=asked,
        filtered=any(asked.values()),
        users=found["page"]["items"],
        next_cursor=found["page"]["next_cursor"],
        teams=found["teams"],
    )


async def show_one(view: View, user_id: str) -> Response:
    """One user."""
    path = quote(user_id, safe="")
    user = await view.api.get(f"/internal/users/{path}")
    chosen = overview.chosen_range(view)
    span = overview.bounds(chosen.since, chosen.until) | {"tz": view.zone_name}
    get = view.api.get
    found = await view.gather(
        steps=get("/internal/usage", group_by=chosen.step, user_id=user_id, **span),
        limits=get("/internal/limits", user_id=user_id),
        keys=get("/internal/api-keys", user_id=user_id, limit=MEMBERS),
        teams=names.of_teams(view),
    )
    return view.page(
        "tenant.html",
        section="users",
        kind="user",
        path=f"/admin/users/{path}",
        tenant=user,
        name=user["name"] or user["id"],
        team_name=found["teams"].get(user["team_id"], ""),
        done=view.query.get("done", ""),
        range=chosen,
        presets=ranges.PRESETS,
        series=(series := overview.by_step(found["steps"], chosen)),
        bars_given=overview.chart_bars(view, series, "cost"),
        total=found["steps"]["total"],
        levels=found["limits"]["items"],
        keys=found["keys"]["items"],
        users=[],
    )
