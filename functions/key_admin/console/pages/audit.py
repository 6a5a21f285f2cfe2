"""The audit log: who did what, when and from where, and what was before and after."""

from datetime import datetime, time
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from functions.key_admin.console.filters import days_of, errors_of, status_of
from functions.key_admin.console.forms import flattened
from functions.key_admin.console.pages import names
from functions.key_admin.console.ranges import day_after
from functions.key_admin.console.view import HEADERS, View
from functions.key_admin.problem import Problem

ROWS = 50
FILTERS = ("actor", "action", "subject_kind", "subject_id")
# The filter's fields by the API's names of them.
_FIELDS = {name: name for name in FILTERS} | {"since": "from", "until": "to"}
KINDS = (
    *("key", "team", "user", "account", "group", "alias", "model", "organisation", "prices"),
    *("session", "service-account", "notification-channel", "notification-delivery", "branding"),
    *("configuration", "master-key", "webhook-secret", "quarantine", "dead-letter"),
)
# Where a thing of that kind has a page of its own.
_PAGES = {
    "key": "/admin/keys/{}",
    "team": "/admin/teams/{}",
    "user": "/admin/users/{}",
    "account": "/admin/accounts/{}",
    "group": "/admin/routing/groups/{}",
    "alias": "/admin/routing/aliases/{}/edit",
    "service-account": "/admin/service-accounts/{}",
    "notification-channel": "/admin/notifications/{}",
    "organisation": "/admin/organisation",
    "prices": "/admin/prices",
    "branding": "/admin/branding",
}


async def show(view: View) -> Response:
    """A page of the trail; with htmx the rows alone."""
    asked = _asked(view)
    found = await view.gather(page=_page(view, asked | _days(view)), teams=names.of_teams(view))
    page, errors = found["page"]
    template = "audit_region.html" if view.is_partial else "audit.html"
    return view.page(
        template,
        status_of(view, errors),
        section="audit",
        asked=asked,
        errors=errors,
        fields=_FIELDS.values(),
        days={"from": view.query.get("from", ""), "to": view.query.get("to", "")},
        filtered=any(asked.values()) or bool(view.query.get("from") or view.query.get("to")),
        entries=[
            one | {"changes": changes(one["detail"]), "subject": subject_of(one, found["teams"])}
            for one in page["items"]
        ],
        next_cursor=page["next_cursor"],
        kinds=KINDS,
        export=view.link(
            "/admin/audit/export",
            **{name: view.query.get(name, "") for name in (*FILTERS, "from", "to")},
        ),
    )


async def _page(view: View, asked: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """A page of what the filters leave; or none, and what is wrong with them, by field."""
    nothing: dict[str, Any] = {"items": [], "next_cursor": None}
    if errors := days_of(view).errors:
        return nothing, errors
    try:
        cursor = view.query.get("cursor")
        return await view.api.get("/internal/audit", limit=ROWS, cursor=cursor, **asked), {}
    except Problem as problem:
        return nothing, errors_of(problem, _FIELDS)


async def export(view: View) -> Response:
    """The same rows, all of them, as they are read; of wrong filters the page that says so."""
    if days_of(view).errors:
        return view.redirect(view.link("/admin/audit", **view.query))
    answer = await view.api.raw("GET", "/internal/audit.csv", query=_asked(view) | _days(view))
    for name, value in HEADERS.items():
        answer.headers[name] = value
    return answer


def subject_of(row: dict[str, Any], teams: dict[str, str]) -> tuple[str, str]:
    """What a row speaks of: its name, as it is or as the row has it, and its page; "" for none."""
    kind, subject_id, detail = row["subject_kind"], row["subject_id"], row["detail"]
    said = (detail.get("after") or {}).get("name") or (detail.get("before") or {}).get("name")
    name = teams.get(subject_id) if kind == "team" else None
    # What was deleted has no page any more.
    gone = row["action"].endswith(".delete")
    path = "" if gone else _PAGES.get(kind, "").format(quote(subject_id, safe=""))
    return name or (said if isinstance(said, str) else ""), path


def changes(detail: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What differs: the member, before, after. A thing that was made has only an after."""
    before = flattened(detail.get("before") or {})
    after = flattened(detail.get("after") or {})
    members = [*before, *(name for name in after if name not in before)]
    return [
        (name, before.get(name, ""), after.get(name, ""))
        for name in members
        if before.get(name, "") != after.get(name, "") and name not in ("updated_at", "created_at")
    ]


def _asked(view: View) -> dict[str, str]:
    return {name: view.query.get(name, "").strip() for name in FILTERS}


def _days(view: View) -> dict[str, str]:
    """The days of the person's zone as times."""
    days = days_of(view)
    bounds = {"since": days.first, "until": days.last and day_after(days.last)}
    return {
        name: datetime.combine(day, time(), view.zone).isoformat()
        for name, day in bounds.items()
        if day is not None
    }
