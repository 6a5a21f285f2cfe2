"""The ledger's rows as a file: of how many rows, in which format, and how far it is."""

import secrets

from starlette.responses import Response

from functions.key_admin.console.forms import count
from functions.key_admin.console.pages.requests import (
    DAYS_LOOKED_THROUGH,
    asked_of,
    typed_of,
)
from functions.key_admin.console.view import HEADERS, View
from functions.key_admin.problem import Problem

KINDS = ("csv", "xlsx")
# What sums do not know: of these there are so many at most.
_UNSUMMED = ("model_requested", "error_code")
# So often is asked for an export that does not begin; the pod may sleep again.
_WAITS_MAX = 60


async def show(view: View) -> Response:
    """The choice of the format."""
    typed = typed_of(view)
    back = view.link("/admin/requests", **typed)
    asked = await asked_of(view)
    if asked.errors:
        return view.redirect(back)
    summed = {name: value for name, value in asked.query.items() if name not in _UNSUMMED}
    sums = await view.api.get("/internal/usage", **summed)
    export_id = secrets.token_urlsafe(18)
    links = {
        kind: view.link(f"/admin/requests/export/{kind}", **typed, progress=export_id)
        for kind in KINDS
    }
    return view.page(
        "export.html",
        section="requests",
        links=links,
        estimated=sums["total"]["requests"],
        is_most=any(asked.query[name] for name in _UNSUMMED),
        bounded_days=DAYS_LOOKED_THROUGH if asked.is_bounded else 0,
        chosen={name: value for name, value in typed.items() if value},
        back=back,
        export_id=export_id,
        found=None,
        waited=0,
    )


async def download(view: View, kind: str) -> Response:
    """The file, as it is read."""
    asked = await asked_of(view)
    if asked.errors:
        return view.redirect(view.link("/admin/requests", **typed_of(view)))
    query = asked.query | {"progress": view.query.get("progress", "")}
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
