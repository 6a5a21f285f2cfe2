"""System: how the stores are, and what waits for somebody: dead letters and quarantine."""

from starlette.responses import Response

from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

ROWS = 50


async def show(view: View, what: str = "", name: str = "") -> Response:
    """The page; what was retried by its address is shown there too."""
    del what, name
    return await _page(view)


async def retry(view: View, form: dict[str, str], what: str, name: str) -> Response:
    """Sent, or posted, again; why it cannot be is said."""
    del form
    try:
        await view.api.ask("POST", f"/internal/{what}/{name}/retry")
    except Problem as problem:
        if problem.status not in (404, 409, 503):
            raise
        return await _page(view, problem)
    return view.redirect("/admin/system?done=retry")


async def _page(view: View, problem: Problem | None = None) -> Response:
    found = await view.gather(
        condition=view.api.get("/internal/condition"),
        letters=view.api.get(
            "/internal/dead-letters", limit=ROWS, cursor=view.query.get("letters")
        ),
        quarantine=view.api.get(
            "/internal/quarantine", limit=ROWS, cursor=view.query.get("records")
        ),
    )
    return view.page(
        "system.html",
        200 if problem is None else problem.status,
        section="system",
        done=view.query.get("done", ""),
        problem=problem,
        **found,
    )
