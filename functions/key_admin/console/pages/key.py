"""One key: what it may, what it used, its last requests, and who changed it."""

from starlette.responses import Response

from functions.key_admin.console import ranges
from functions.key_admin.console.pages import names, overview
from functions.key_admin.console.view import View

ROWS = 10


async def show(view: View, key_id: str) -> Response:
    """The page."""
    key = await view.api.get(f"/internal/api-keys/{key_id}")
    chosen = overview.chosen_range(view)
    span = overview.bounds(chosen.since, chosen.until) | {"tz": view.zone_name, "key_id": key_id}
    get = view.api.get
    found = await view.gather(
        steps=get("/internal/usage", group_by=chosen.step, **span),
        models=get("/internal/usage/leaderboard", by="model", limit=5, **span),
        timings=get("/internal/usage/timings", **span),
        spend=get("/internal/spend", key_ids=key_id),
        limits=get("/internal/limits", key_id=key_id),
        records=get("/internal/usage/records", key_id=key_id, limit=ROWS),
        audit=view.api.get_if_admitted(
            "/internal/audit", {"items": []}, subject_kind="key", subject_id=key_id, limit=ROWS
        ),
        teams=names.of_teams(view),
    )
    series = overview.by_step(found["steps"], chosen)
    return view.page(
        "key.html",
        section="keys",
        key=key,
        done=view.query.get("done", ""),
        range=chosen,
        presets=ranges.PRESETS,
        bars_given=overview.chart_bars(view, series, "cost"),
        series=series,
        total=found["steps"]["total"],
        tokens=overview.all_tokens(found["steps"]["total"]["tokens"]),
        models=found["models"]["items"],
        timings=found["timings"],
        spend=found["spend"]["items"][0],
        levels=found["limits"]["items"],
        records=found["records"]["items"],
        history=found["audit"]["items"],
        teams=found["teams"],
    )
