"""Teams, and one of them: what it may, what it used, who is in it."""

from starlette.responses import Response

from functions.key_admin.console import ranges
from functions.key_admin.console.pages import overview
from functions.key_admin.console.view import View

ROWS = 50
MEMBERS = 20


async def show(view: View) -> Response:
    """A page of them, with what each spent this month; with htmx the rows alone."""
    search = view.query.get("search", "").strip()
    month = ranges.read("month", "", "", view.now, view.zone)
    span = overview.bounds(month.since, month.until)
    found = await view.gather(
        page=view.api.get(
            "/internal/teams", limit=ROWS, cursor=view.query.get("cursor"), search=search
        ),
        sums=view.api.get("/internal/usage", group_by="team", **span),
    )
    return view.page(
        "teams_region.html" if view.is_partial else "teams.html",
        section="teams",
        search=search,
        teams=found["page"]["items"],
        next_cursor=found["page"]["next_cursor"],
        sums={one["group"]["team"]: one for one in found["sums"]["items"]},
    )


async def show_one(view: View, team_id: str) -> Response:
    """One team."""
    team = await view.api.get(f"/internal/teams/{team_id}")
    chosen = overview.chosen_range(view)
    span = overview.bounds(chosen.since, chosen.until) | {"tz": view.zone_name}
    get = view.api.get
    found = await view.gather(
        steps=get("/internal/usage", group_by=chosen.step, team_id=team_id, **span),
        limits=get("/internal/limits", team_id=team_id),
        keys=get("/internal/api-keys", team_id=team_id, limit=MEMBERS),
        users=get("/internal/users", team_id=team_id, limit=MEMBERS),
    )
    return view.page(
        "tenant.html",
        section="teams",
        kind="team",
        path=f"/admin/teams/{team_id}",
        tenant=team,
        name=team["name"],
        team_name="",
        done=view.query.get("done", ""),
        range=chosen,
        presets=ranges.PRESETS,
        series=(series := overview.by_step(found["steps"], chosen)),
        bars_given=overview.chart_bars(view, series, "cost"),
        total=found["steps"]["total"],
        levels=found["limits"]["items"],
        keys=found["keys"]["items"],
        users=found["users"]["items"],
    )
