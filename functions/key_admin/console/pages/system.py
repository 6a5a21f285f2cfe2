"""System: how the stores are, and what waits for somebody: dead letters and quarantine."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response

from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

ROWS = 50
# Of so many at once; the page says when more are left.
RETRIED_AT_ONCE = 200
REASONS_SHOWN = 5
PAGES_MAX = 25
_REFUSALS = (404, 409, 503)


async def show(view: View, problem: Problem | None = None) -> Response:
    """The page."""
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


async def show_one(view: View, what: str, name: str, problem: Problem | None = None) -> Response:
    """A dead letter with what it says; a record's page is the list, which has all of it."""
    if what != "dead-letters":
        return await show(view, problem)
    letter = await view.api.get(f"/internal/dead-letters/{name}")
    status = 200 if problem is None else problem.status
    return view.page("dead_letter.html", status, section="system", letter=letter, problem=problem)


async def retry(view: View, form: dict[str, str], what: str, name: str) -> Response:
    """Sent, or posted, again; why it cannot be is said."""
    try:
        await view.api.ask("POST", f"/internal/{what}/{name}/retry")
    except Problem as problem:
        if problem.status not in _REFUSALS:
            raise
        if form.get("from") == "one" and problem.status != 404:
            return await show_one(view, what, name, problem)
        return await show(view, problem)
    return view.redirect("/admin/system?done=retry")


async def ask_all(view: View, what: str) -> Response:
    """How many there are, to be confirmed."""
    waiting = [one async for one in _waiting(view, what)]
    return view.page("retry_all.html", section="system", what=what, waiting=waiting, result=None)


async def retry_all(view: View, form: dict[str, str], what: str) -> Response:
    """Each of them, one by one; one that is refused keeps none of the others."""
    del form
    done, reasons = 0, []
    # All are found first: one that succeeds leaves the list, and its pages would shift.
    for one in [one async for one in _waiting(view, what)]:
        try:
            await view.api.ask("POST", f"/internal/{what}/{one['id']}/retry")
        except Problem as problem:
            if problem.status not in _REFUSALS:
                raise
            reasons.append((one["id"], problem.detail))
            if problem.status == 503:
                break  # the broker, or a store, is away for all of them
        else:
            done += 1
    left = [one async for one in _waiting(view, what)]
    return view.page(
        "retry_all.html",
        section="system",
        what=what,
        waiting=left,
        result={"done": done, "failed": len(reasons), "reasons": reasons[:REASONS_SHOWN]},
    )


async def _waiting(view: View, what: str) -> AsyncIterator[dict[str, Any]]:
    """Those that were not retried yet, at most as many as are retried at once."""
    cursor: str | None = None
    found = 0
    for _ in range(PAGES_MAX):
        page = await view.api.get(f"/internal/{what}", limit=RETRIED_AT_ONCE, cursor=cursor)
        for one in page["items"]:
            if one.get("retried_at") is None:
                yield one
                found += 1
                if found == RETRIED_AT_ONCE:
                    return
        cursor = page["next_cursor"]
        if cursor is None:
            return
