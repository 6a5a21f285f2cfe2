"""Requests: the ledger with its filters, and as a table to download. Never prompt text."""

from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec
from starlette.responses import Response

from common.domain.ids import is_ulid
from functions.key_admin.console.filters import days_of, errors_of, status_of
from functions.key_admin.console.pages import names
from functions.key_admin.console.ranges import day_after
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

STATUSES = ("ok", "error", "cancelled", "interrupted")
ROWS = 50
FILTERS = (
    *("status", "model", "model_requested", "provider", "endpoint", "error_code"),
    *("key_id", "user_id", "team_id", "account_id"),
)
TIMES = ("from", "to", "from_time", "to_time")
# The filter's fields by the API's names of them.
FIELDS = {name: name for name in FILTERS} | {"since": "from", "until": "to", "search": "key_id"}
# What an index finds. None has models as they were asked for: days are looked through for these.
_FOUND = ("key_id", "user_id", "team_id", "account_id", "model")
DAYS_LOOKED_THROUGH = 7
KEYS_OFFERED = 6


class Asked(msgspec.Struct):
    """What the filters ask the API; or what is wrong with them, by field, with keys to choose."""

    query: dict[str, Any]
    errors: dict[str, str]
    keys: list[dict[str, Any]] = []
    is_bounded: bool = False


async def show(view: View) -> Response:
    """A page of the ledger; with htmx the rows alone."""
    request_id = view.query.get("request_id", "").strip().upper()
    asked = await asked_of(view)
    if request_id:
        error = await _unknown(view, request_id)
        if not error:
            return _to_receipt(view, request_id)
        asked.errors["request_id"] = error
    found = await view.gather(
        page=rows(view, "/internal/usage/records", asked.query, asked.errors),
        teams=names.of_teams(view),
        accounts=names.of_accounts(view),
    )
    page, errors = found["page"]
    records = page["items"]
    typed = typed_of(view)
    return view.page(
        "requests_region.html" if view.is_partial else "requests.html",
        status_of(view, errors),
        section="requests",
        asked=typed | {"request_id": view.query.get("request_id", "").strip()},
        errors=errors,
        fields=("request_id", *TIMES, *FILTERS),
        filtered=any(typed.values()),
        records=records,
        next_cursor=page["next_cursor"],
        key_names=await names.of_keys(view, (one["key_id"] for one in records)),
        keys_offered=asked.keys,
        bounded_days=DAYS_LOOKED_THROUGH if asked.is_bounded else 0,
        teams=found["teams"],
        accounts=found["accounts"],
        statuses=STATUSES,
        export=view.link("/admin/requests/export", **typed),
    )


def typed_of(view: View) -> dict[str, str]:
    """What stands in the filter's fields."""
    return {name: view.query.get(name, "").strip() for name in (*TIMES, *FILTERS)}


async def rows(
    view: View, path: str, query: dict[str, Any], errors: dict[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """A page of what the filters leave; or none, and what is wrong with them, by field."""
    nothing: dict[str, Any] = {"items": [], "next_cursor": None}
    if errors:
        return nothing, errors
    try:
        page = await view.api.get(path, limit=ROWS, cursor=view.query.get("cursor"), **query)
    except Problem as problem:
        return nothing, errors_of(problem, FIELDS)
    return page, {}


async def asked_of(view: View) -> Asked:
    """What the filters ask the API."""
    span, errors = span_of(view)
    asked = Asked({name: view.query.get(name, "").strip() for name in FILTERS} | span, errors)
    if asked.query["key_id"] and not is_ulid(asked.query["key_id"]):
        await _find_key(view, asked)
    if asked.query["model_requested"] and not any(asked.query[one] for one in ("since", *_FOUND)):
        first = view.now.astimezone(view.zone).date() - timedelta(days=DAYS_LOOKED_THROUGH - 1)
        asked.query["since"], asked.is_bounded = first.isoformat(), True
    return asked


def span_of(view: View) -> tuple[dict[str, str], dict[str, str]]:
    """The time as the API takes it, and errors by field.

    `to` is the last day, not the one after; a time of it is the end, which is not in it itself.
    """
    days = days_of(view)
    errors = dict(days.errors)
    since = _bound(view, "from", days.first, errors)
    until = _bound(view, "to", days.last, errors)
    if isinstance(until, date) and not isinstance(until, datetime):
        until = day_after(until)
    return {
        "since": "" if since is None else since.isoformat(),
        "until": "" if until is None else until.isoformat(),
        "tz": view.zone_name,
    }, errors


def _bound(
    view: View, name: str, day: date | None, errors: dict[str, str]
) -> date | datetime | None:
    text = view.query.get(f"{name}_time", "").strip()
    if not text:
        return day
    if day is None:
        errors.setdefault(name, view.words("filter.time_alone"))
        return None
    try:
        return datetime.combine(day, time.fromisoformat(text).replace(tzinfo=None), view.zone)
    except ValueError:
        errors[f"{name}_time"] = view.words("filter.no_time")
        return None


async def _find_key(view: View, asked: Asked) -> None:
    """The key that was meant by its name or its beginning; several are offered."""
    text = asked.query["key_id"]
    try:
        page = await view.api.get("/internal/api-keys", search=text, limit=KEYS_OFFERED + 1)
    except Problem as problem:
        asked.errors |= errors_of(problem, FIELDS)
        return
    found: list[dict[str, Any]] = page["items"]
    named = [one for one in found if one["name"] == text]
    if len(named) != 1 and len(found) != 1:
        several, none = view.words("filter.keys"), view.words("filter.no_key")
        asked.errors["key_id"] = several if found else none
        asked.keys = found[:KEYS_OFFERED]
        return
    asked.query["key_id"] = (named if len(named) == 1 else found)[0]["id"]


async def _unknown(view: View, request_id: str) -> str:
    """Why there is no receipt of a request; empty where there is one."""
    if not is_ulid(request_id):
        return view.words("filter.no_request_id")
    try:
        await view.api.get(f"/internal/usage/requests/{request_id}/receipt")
    except Problem as problem:
        if problem.status != 404:
            raise
        return problem.detail
    return ""


def _to_receipt(view: View, request_id: str) -> Response:
    target = f"/admin/requests/{request_id}"
    if view.is_partial:
        return Response(status_code=204, headers={"hx-redirect": target})
    return view.redirect(target)
