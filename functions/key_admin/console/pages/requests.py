"""Requests: the ledger, filtered by anything, and as a table to download. Never prompt text."""

from typing import Any

from starlette.responses import Response

from functions.key_admin.console.filters import days_of, errors_of, status_of
from functions.key_admin.console.pages import names
from functions.key_admin.console.ranges import day_after
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

STATUSES = ("ok", "error", "cancelled", "interrupted")
ROWS = 50
FILTERS = ("status", "model", "provider", "endpoint", "key_id", "user_id", "team_id", "account_id")
# The filter's fields by the API's names of them.
FIELDS = {name: name for name in FILTERS} | {"since": "from", "until": "to"}


async def show(view: View) -> Response:
    """A page of the ledger; with htmx the rows alone."""
    asked = {name: view.query.get(name, "").strip() for name in FILTERS}
    found = await view.gather(
        page=rows(view, "/internal/usage/records", asked_of(view)),
        teams=names.of_teams(view),
        accounts=names.of_accounts(view),
    )
    page, errors = found["page"]
    records = page["items"]
    key_names = await names.of_keys(view, (one["key_id"] for one in records))
    template = "requests_region.html" if view.is_partial else "requests.html"
    return view.page(
        template,
        status_of(view, errors),
        section="requests",
        asked=asked,
        errors=errors,
        fields=FIELDS.values(),
        days={"from": view.query.get("from", ""), "to": view.query.get("to", "")},
        filtered=any(asked.values()) or bool(view.query.get("from") or view.query.get("to")),
        records=records,
        next_cursor=page["next_cursor"],
        key_names=key_names,
        teams=found["teams"],
        accounts=found["accounts"],
        statuses=STATUSES,
        export=view.link(
            "/admin/requests/export",
            **{name: view.query.get(name, "") for name in (*FILTERS, "from", "to")},
        ),
    )


async def rows(
    view: View, path: str, asked: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """A page of what the filters leave; or none, and what is wrong with them, by field."""
    nothing = {"items": [], "next_cursor": None}
    if errors := days_of(view).errors:
        return nothing, errors
    try:
        page = await view.api.get(path, limit=ROWS, cursor=view.query.get("cursor"), **asked)
    except Problem as problem:
        return nothing, errors_of(problem, FIELDS)
    return page, {}


def asked_of(view: View) -> dict[str, Any]:
    """The filters as the API takes them; `to` is the last day, not the one after."""
    query = {name: view.query.get(name, "").strip() for name in FILTERS}
    return query | span_of(view)


def span_of(view: View) -> dict[str, str]:
    """The days as the API takes them."""
    days = days_of(view)
    return {
        "since": "" if days.first is None else days.first.isoformat(),
        "until": "" if days.last is None else day_after(days.last).isoformat(),
        "tz": view.zone_name,
    }
