"""Parts of the overview that are asked for when it is there; without a script each is a page."""

from decimal import Decimal
from typing import Any

from starlette.responses import Response

from functions.key_admin.console.formats import decimal
from functions.key_admin.console.pages import names
from functions.key_admin.console.pages.overview import BOARD_MAX, bounds, chosen_range
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
    """The fullest budgets."""
    limits = await view.api.get("/internal/limits")
    return _part(view, "budgets", levels=fullest(limits["items"]))


def _part(view: View, part: str, **values: Any) -> Response:
    template = f"overview_{part}.html" if view.is_partial else "overview_part.html"
    return view.page(template, section="overview", part=part, **values)


def fullest(levels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Levels that have budgets, of each these alone: the organisation, then the fullest."""
    found = []
    for level in levels:
        use = level["use"] if level["use"] is None else [u for u in level["use"] if u["policy"]]
        if use is None or use:
            found.append(level | {"use": use})
    found.sort(key=lambda one: (one["level"] != "organisation", -_fullness(one["use"] or [])))
    return found[:BUDGETS_MAX]


def _fullness(use: list[dict[str, Any]]) -> Decimal:
    """The largest share that is used or reserved of any."""
    shares = [
        (decimal(one["used"]) + decimal(one["reserved"])) / decimal(one["most"])
        for one in use
        if decimal(one["most"]) > 0
    ]
    return max(shares, default=Decimal(1 if use else 0))
