"""Requests: the ledger, filtered by anything, and as a table to download. Never prompt text."""

from datetime import date
from typing import Any

from starlette.responses import Response

from functions.key_admin.console.pages import names
from functions.key_admin.console.ranges import day_after
from functions.key_admin.console.view import View

STATUSES = ("ok", "error", "cancelled", "interrupted")
ROWS = 50
FILTERS = ("status", "model", "provider", "endpoint", "key_id", "user_id", "team_id", "account_id")


async def show(view: View) -> Response:
    """A page of the ledger; with htmx the rows alone."""
    asked = {name: view.query.get(name, "").strip() for name in FILTERS}
    found = await view.gather(
        page=view.api.get(
            "/internal/usage/records", limit=ROWS, cursor=view.query.get("cursor"), **asked_of(view)
        ),
        teams=names.of_teams(view),
        accounts=names.of_accounts(view),
    )
    records = found["page"]["items"]
    key_names = await names.of_keys(view, (one["key_id"] for one in records))
    template = "requests_region.html" if view.is_partial else "requests.html"
    return view.page(
        template,
        section="requests",
        asked=asked,
        days={"from": view.query.get("from", ""), "to": view.query.get("to", "")},
        filtered=any(asked.values()) or bool(view.query.get("from") or view.query.get("to")),
        records=records,
        next_cursor=found["page"]["next_cursor"],
        key_names=key_names,
        teams=found["teams"],
        accounts=found["accounts"],
        statuses=STATUSES,
        export=view.link(
            "/admin/requests/export",
            **{name: view.query.get(name, "") for name in (*FILTERS, "from", "to")},
        ),
    )


def asked_of(view: View) -> dict[str, Any]:
    """The filters as the API takes them; `to` is the last day, not the one after."""
    query = {name: view.query.get(name, "").strip() for name in FILTERS}
    if query["status"] not in STATUSES:
        query["status"] = ""
    since, until = day_of(view.query.get("from", "")), day_of(view.query.get("to", ""))
    return query | {
        "since": "" if since is None else since.isoformat(),
        "until": "" if until is None else day_after(until).isoformat(),
        "tz": view.zone_name,
    }


def day_of(text: str) -> date | None:
    """A day of the query; None for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
