"""Branding: by which name and logo the console is known."""

from typing import Any

from starlette.responses import Response

from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

PATH = "/internal/branding"


async def show(view: View) -> Response:
    """The form as it is now."""
    answer = await view.api.ask("GET", PATH)
    return _page(view, answer.body, answer.etag, answer.body["name"])


async def submit(view: View, form: dict[str, str]) -> Response:
    """Changed: every page shows it; or the form again. A picture is not sent back: choose again."""
    name = form.get("name", "")
    body: dict[str, Any] = {"name": name}
    if form.get("logo"):
        body["logo"] = form["logo"]
    elif form.get("no_logo") == "on":
        body["logo"] = None
    try:
        await view.api.ask("PATCH", PATH, body=body, version=form.get("version", ""))
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        now = await view.api.ask("GET", PATH)
        return _page(view, now.body, now.etag, name, problem)
    return view.redirect("/admin/branding?done=saved")


def _page(
    view: View, now: dict[str, Any], version: str, name: str, problem: Problem | None = None
) -> Response:
    return view.page(
        "branding.html",
        200 if problem is None else problem.status,
        section="branding",
        now=now,
        version=version,
        values={"name": name},
        errors={} if problem is None else {one.field: one.message for one in problem.errors},
        problem=problem,
        done=view.query.get("done", ""),
    )
