"""Overview: what is spent and how it goes, in the time that was chosen.

Keys by spend and budgets take longest: each is a part of its own (`overview_parts.py`), for which
a browser asks when the page is there.
"""

from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from starlette.responses import Response

from functions.key_admin.console import ranges
from functions.key_admin.console.charts import Bar
from functions.key_admin.console.formats import decimal
from functions.key_admin.console.pages import names
from functions.key_admin.console.view import View

BOARD_MAX = 6
LIVE_MINUTES = 5
MEASURES = ("cost", "requests", "tokens")


async def show(view: View) -> Response:
    """The page; with htmx only what is exchanged."""
    chosen = chosen_range(view)
    measure = view.query.get("measure", "cost")
    measure = measure if measure in MEASURES else "cost"
    found = await _asked(view, chosen)
    series = by_step(found["steps"], chosen)
    values = {
        "section": "overview",
        "range": chosen,
        "measure": measure,
        "measures": MEASURES,
        "presets": ranges.PRESETS,
        "totals": _totals(found),
        "spark": {name: [figure(one, name) for one in series.values()] for name in MEASURES},
        "bars_given": chart_bars(view, series, measure),
        "series": series,
        "live": found["live"],
        "live_minutes": LIVE_MINUTES,
        "timings": found["timings"],
        "models": found["models"]["items"],
        "accounts": by_need(found["accounts"]),
        "condition": found["condition"],
    }
    template = "overview_region.html" if view.is_partial else "overview.html"
    return view.page(template, **values)


async def _asked(view: View, chosen: ranges.Range) -> dict[str, Any]:
    span = bounds(chosen.since, chosen.until) | {"tz": view.zone_name}
    before = bounds(*chosen.before)
    get, usage = view.api.get, "/internal/usage"
    return await view.gather(
        steps=get(usage, group_by=chosen.step, **span),
        statuses=get(usage, group_by="status", **span),
        before=get(usage, **before),
        timings=get(f"{usage}/timings", **span),
        models=get(f"{usage}/leaderboard", by="model", metric="cost", limit=BOARD_MAX, **span),
        accounts=names.accounts(view),
        **live_calls(view),
    )


def live_calls(view: View) -> dict[str, Coroutine[Any, Any, Any]]:
    """What is asked for what happens right now."""
    since = written(view.now - timedelta(minutes=LIVE_MINUTES))
    return {
        "live": view.api.get("/internal/usage/timings", since=since),
        "condition": view.api.get_if_admitted("/internal/condition", None),
    }


def chosen_range(view: View) -> ranges.Range:
    """Of the query; the default for days that are none, or end before they begin."""
    name, first, last = (view.query.get(one, "") for one in ("range", "from", "to"))
    try:
        return ranges.read(name, first, last, view.now, view.zone)
    except ValueError:
        instead = ranges.read(ranges.DEFAULT, "", "", view.now, view.zone)
        return msgspec.structs.replace(instead, name="custom", is_wrong=True)


def bounds(since: datetime, until: datetime) -> dict[str, str]:
    """As the API takes them."""
    return {"since": written(since), "until": written(until)}


def written(moment: datetime) -> str:
    """A time with its offset."""
    return moment.isoformat(timespec="seconds")


def by_step(sums: Mapping[str, Any], chosen: ranges.Range) -> dict[str, Mapping[str, Any]]:
    """Sums by each step of the range, those without use too."""
    found = {one["group"][chosen.step]: one for one in sums["items"]}
    return {label: found.get(label, {}) for label in chosen.labels()}


def figure(sums: Mapping[str, Any], measure: str) -> Decimal:
    """One figure of sums; nothing is 0."""
    if measure == "cost":
        return decimal(sums.get("cost_usd"))
    if measure == "requests":
        return Decimal(sums.get("requests", 0))
    return Decimal(all_tokens(sums.get("tokens", {})))


def all_tokens(tokens: Mapping[str, int]) -> int:
    """Tokens of all classes; reasoning and audio are parts of others."""
    counted = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    return sum(tokens.get(name, 0) for name in counted)


def chart_bars(view: View, series: Mapping[str, Mapping[str, Any]], measure: str) -> list[Bar]:
    """The bars of a chart, each with its words."""
    shown = view.formats.usd if measure == "cost" else view.formats.number
    return [
        Bar(label, value, f"{label.replace('T', ' ')}: {shown(value)}")
        for label, value in ((label, figure(one, measure)) for label, one in series.items())
    ]


def _totals(found: dict[str, Any]) -> dict[str, Any]:
    total, before = found["steps"]["total"], found["before"]["total"]
    requests = {one["group"]["status"]: one["requests"] for one in found["statuses"]["items"]}
    cached = total["tokens"]["cache_read"]
    return {
        "cost": decimal(total["cost_usd"]),
        "requests": total["requests"],
        "tokens": all_tokens(total["tokens"]),
        "input": total["tokens"]["input"] + cached,
        "output": total["tokens"]["output"],
        "cached": cached,
        "unpriced": total["unpriced_requests"],
        "errors": requests.get("error", 0),
        "statuses": requests,
        "cost_change": change(total["cost_usd"], before["cost_usd"]),
        "requests_change": change(total["requests"], before["requests"]),
        "tokens_change": change(all_tokens(total["tokens"]), all_tokens(before["tokens"])),
    }


def change(now: object, before: object) -> int | None:
    """By how many percent it rose; None: there was nothing before."""
    base = decimal(before)
    return None if base <= 0 else round((decimal(now) - base) * 100 / base)


def by_need(accounts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Accounts that need somebody first."""

    def place(one: dict[str, Any]) -> tuple[bool, bool, bool, str]:
        health = one["health"] or {}
        is_ok = health.get("status", "ok") == "ok"
        return is_ok, not is_failing(one), not one["enabled"], one["name"]

    return sorted(accounts, key=place)


def is_failing(account: dict[str, Any]) -> bool:
    """Whether it is asked as before, though its last requests failed; one alone says little."""
    health = account["health"] or {}
    last = health.get("last_error")
    return health.get("status") == "ok" and last is not None and last["count"] > 1
