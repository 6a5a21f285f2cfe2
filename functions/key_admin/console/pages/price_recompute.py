"""Pricing records again: what it comes to is shown first, then it is posted; step by step."""

from datetime import datetime, time
from decimal import Decimal
from typing import Any

import msgspec
from starlette.responses import Response

from functions.key_admin.console.formats import decimal
from functions.key_admin.console.forms import count
from functions.key_admin.console.ranges import day_after
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

PATH = "/internal/prices/recompute"
# Of a thousand records each, so that no step of a large ledger takes long.
PAGES_A_STEP = 3
COUNTS = ("examined", "adjusted", "unpriced", "own_file")
_FIELDS = {"since": "from", "until": "to"}


class Progress(msgspec.Struct):
    """How far it is: sums until now, and where it goes on; `cursor` is empty at the end."""

    counts: dict[str, int]
    difference: Decimal
    cursor: str = ""


async def show(view: View) -> Response:
    """The empty form."""
    return _page(view, {})


async def submit(view: View, form: dict[str, str]) -> Response:
    """Some pages more. It changes something only where `act` says that it is to be posted."""
    values = {name: form.get(name, "").strip() for name in ("from", "to", "model")}
    is_posting = form.get("act") == "post"
    try:
        body = _span(view, values) | ({"model": values["model"]} if values["model"] else {})
        progress = await _step(view, body | {"dry_run": not is_posting}, _carried(form))
    except Problem as problem:
        if problem.status != 422:
            raise
        errors = {_FIELDS.get(one.field, one.field): one.message for one in problem.errors}
        return _page(view, values, errors=errors or {"from": problem.detail})
    return _page(view, values, progress=progress, is_posting=is_posting)


def _span(view: View, values: dict[str, str]) -> dict[str, str]:
    """The days in the person's zone, the last one with them; what is no day is the API's to say."""
    since, until = (_midnight(view, values[name]) for name in ("from", "to"))
    if isinstance(until, datetime):
        until = datetime.combine(day_after(until.date()), time(), view.zone)
    return {"since": _written(since), "until": _written(until)}


def _midnight(view: View, day: str) -> datetime | str:
    try:
        return datetime.combine(datetime.fromisoformat(day).date(), time(), view.zone)
    except ValueError:
        return day


def _written(bound: datetime | str) -> str:
    return bound.isoformat() if isinstance(bound, datetime) else bound


async def _step(view: View, body: dict[str, Any], progress: Progress) -> Progress:
    for _ in range(PAGES_A_STEP):
        more = {"cursor": progress.cursor} if progress.cursor else {}
        page = (await view.api.ask("POST", PATH, body=body | more)).body
        for name in COUNTS:
            progress.counts[name] += page[name]
        progress.difference += Decimal(page["difference_usd"])
        progress.cursor = page["next_cursor"] or ""
        if not progress.cursor:
            break
    return progress


def _carried(form: dict[str, str]) -> Progress:
    """The sums of the steps before, as the form carries them: they are only shown."""
    counts = {name: count(form.get(name, "")) for name in COUNTS}
    return Progress(counts, decimal(form.get("difference") or 0), form.get("cursor", ""))


def _page(
    view: View,
    values: dict[str, str],
    *,
    progress: Progress | None = None,
    is_posting: bool = False,
    errors: dict[str, str] | None = None,
) -> Response:
    return view.page(
        "price_recompute_region.html" if view.is_partial else "price_recompute.html",
        422 if errors else 200,
        section="prices",
        values=values,
        progress=progress,
        is_posting=is_posting,
        errors=errors or {},
    )
