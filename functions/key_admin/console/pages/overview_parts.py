"""Parts of the overview that are asked for when it is there; without a script each is a page."""

from typing import Any

from starlette.responses import Response

from functions.key_admin.console.pages import names
from functions.key_admin.console.pages.overview import (
    BOARD_MAX,
    LIVE_MINUTES,
    bounds,
    chosen_range,
    live_calls,
)
from functions.key_admin.console.view import View

BUDGETS_MAX = 8


async def show_keys(view: View) -> Response:
    """The keys that most was spent with."""
    chosen = chosen_range(view)
    span, usage = bounds(chosen.since, chosen.until), "/internal/usage"
    found = await view.gather(
        sums=view.api.get(usage, **span),
        board=view.api.get(
            f"{usage}/leaderboard", by="key", metric="cost", limit=BOARD_MAX, **span
        ),
    )
    board = found["board"]["items"]
    key_names = await names.of_keys(view, (one["group"]["key"] for one in board))
    cost = found["sums"]["total"]["cost_usd"]
    return _part(view, "keys", range=chosen, keys=board, key_names=key_names, cost=cost)


async def show_budgets(view: View) -> Response:
    """The fullest budgets, after the organisation's."""
    tree = await view.api.get("/internal/limits/tree", limit=BUDGETS_MAX)
    return _part(view, "budgets", levels=with_budgets(tree["items"]))


async def show_live(view: View) -> Response:
    """What happens right now, asked for again and again while somebody looks at it."""
    return _part(view, "live", **await view.gather(**live_calls(view)), live_minutes=LIVE_MINUTES)


def _part(view: View, part: str, **values: Any) -> Response:
    template = f"overview_{part}.html" if view.is_partial else "overview_part.html"
    return view.page(template, section="overview", part=part, **values)


def with_budgets(levels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Levels that have budgets, of each these alone; all, while nobody knows what is used."""
    found = []
    for level in levels:
        use = level["use"] and [one for one in level["use"] if one["policy"]]
        if use or use is None:
            found.append(level | {"use": use})
    return found
