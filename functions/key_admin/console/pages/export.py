"""The ledger's rows as a file: of how many rows, in which format, and how far it is."""

import secrets

from starlette.responses import Response

from functions.key_admin.console.filters import days_of
from functions.key_admin.console.forms import count
from functions.key_admin.console.pages.requests import FILTERS, asked_of
from functions.key_admin.console.view import HEADERS, View
from functions.key_admin.problem import Problem

KINDS = ("csv", "xlsx")
_CARRIED = (*FILTERS, "from", "to")
# So often is asked for an export that does not begin; the pod may sleep again.
_WAITS_MAX = 60


async def show(view: View) -> Response:
    """The choice of the format."""
    back = view.link("/admin/requests", **{name: view.query.get(name, "") for name in _CARRIED})
    if days_of(view).errors:
        return view.redirect(back)
    asked = asked_of(view)
    sums = await view.api.get("/internal/usage", **asked)
    export_id = secrets.token_urlsafe(18)
    chosen = {name: view.query.get(name, "") for name in _CARRIED}
    links = {
        kind: view.link(f"/admin/requests/export/{kind}", **chosen, progress=export_id)
        for kind in KINDS
    }
    return view.page(
        "export.html",
        section="requests",
        links=links,
        estimated=sums["total"]["requests"],
        chosen={name: value for name, value in chosen.items() if value},
        back=back,
        export_id=export_id,
        found=None,
        waited=0,
    )


async def download(view: View, kind: str) -> Response:
    """The file, as it is read."""
    query = asked_of(view) | {"progress": view.query.get("progress", "")}
    answer = await view.api.raw("GET", f"/internal/usage/records.{kind}", query=query)
    for name, value in HEADERS.items():
        answer.headers[name] = value
    return answer


async def progress(view: View, export_id: str) -> Response:
    """How far it is; the answer asks again by itself until the end."""
    waited = count(view.query.get("waited", ""))
    found = None
    try:
        found = await view.api.get(f"/internal/usage/exports/{export_id}")
    except Problem as problem:
        if problem.status != 404:
            raise
    goes_on = found["state"] == "running" if found else waited < _WAITS_MAX
    return view.page(
        "export_progress.html",
        export_id=export_id,
        found=found,
        waited=waited + 1 if goes_on else 0,
    )
