"""What a time's usage comes to, of all of one's keys or of one: sums, a chart, models."""

from typing import Any

from functions.key_admin.console import ranges
from functions.key_admin.console.pages import overview
from functions.key_admin.console.view import View

MODELS_MAX = 6


async def asked(view: View, key_id: str = "") -> dict[str, Any]:
    """What the templates of both pages need, as keywords."""
    chosen = overview.chosen_range(view)
    span = overview.bounds(chosen.since, chosen.until) | {"tz": view.zone_name, "key_id": key_id}
    found = await view.gather(
        steps=view.api.get("/internal/self/usage", group_by=chosen.step, **span),
        models=view.api.get("/internal/self/usage", group_by="model", **span),
        limits=view.api.get("/internal/self/limits", key_id=key_id),
        records=view.api.get("/internal/self/requests", key_id=key_id, limit=10),
    )
    series = overview.by_step(found["steps"], chosen)
    total = found["steps"]["total"]
    by_cost = sorted(found["models"]["items"], key=lambda one: -overview.figure(one, "cost"))
    return {
        "range": chosen,
        "presets": ranges.PRESETS,
        "series": series,
        "bars_given": overview.chart_bars(view, series, "cost"),
        "total": total,
        "tokens": overview.all_tokens(total["tokens"]),
        "models": by_cost[:MODELS_MAX],
        "levels": found["limits"]["items"],
        "records": found["records"]["items"],
    }
