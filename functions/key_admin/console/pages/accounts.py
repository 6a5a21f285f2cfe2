"""Accounts: what each provider's credential does, how it is, trying it, letting it serve again."""

import msgspec
from starlette.responses import Response

from functions.key_admin.console import ranges
from functions.key_admin.console.pages import overview
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

ROWS = 100
# What a test call says is shown, not kept: an answer that never ends is cut.
LINES_MAX = 400


async def show(view: View) -> Response:
    """All of them, those that need somebody first."""
    month = ranges.read("month", "", "", view.now, view.zone)
    span = overview.bounds(month.since, month.until)
    found = await view.gather(
        page=view.api.get("/internal/accounts", limit=ROWS, cursor=view.query.get("cursor")),
        sums=view.api.get("/internal/usage", group_by="account", **span),
    )
    return view.page(
        "accounts.html",
        section="accounts",
        accounts=overview.by_need(found["page"]["items"]),
        next_cursor=found["page"]["next_cursor"],
        sums={one["group"]["account"]: one for one in found["sums"]["items"]},
    )


async def show_one(view: View, account_id: str) -> Response:
    """One account."""
    return await _page(view, account_id)


async def reset(view: View, form: dict[str, str], account_id: str) -> Response:
    """It serves again."""
    del form
    await view.api.ask("POST", f"/internal/accounts/{account_id}/reset")
    return view.redirect(view.link(f"/admin/accounts/{account_id}", done="reset"))


async def test(view: View, form: dict[str, str], account_id: str) -> Response:
    """A small question by the account; each step of the answer is shown."""
    body = {"model": form["model"].strip()} if form.get("model", "").strip() else {}
    try:
        answer = await view.api.raw("POST", f"/internal/accounts/{account_id}/test", body=body)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        error = problem.errors[0].message if problem.errors else problem.detail
        return await _page(view, account_id, error=error, model=form.get("model", ""))
    content = b""
    lines: list[object] = []
    async for chunk in answer.body_iterator:  # type: ignore[attr-defined]
        content += chunk
        *whole, content = content.split(b"\n")
        lines += [msgspec.json.decode(line) for line in whole if line.strip()]
        del lines[LINES_MAX:-1]
    return await _page(view, account_id, lines=lines, model=form.get("model", ""))


async def _page(
    view: View,
    account_id: str,
    *,
    lines: list[object] | None = None,
    error: str = "",
    model: str = "",
) -> Response:
    account = await view.api.get(f"/internal/accounts/{account_id}")
    chosen = overview.chosen_range(view)
    span = overview.bounds(chosen.since, chosen.until) | {"tz": view.zone_name}
    found = await view.gather(
        steps=view.api.get("/internal/usage", group_by=chosen.step, account_id=account_id, **span),
        timings=view.api.get("/internal/usage/timings", account_id=account_id, **span),
    )
    return view.page(
        "account.html",
        422 if error else 200,
        section="accounts",
        account=account,
        done=view.query.get("done", ""),
        lines=lines,
        error=error,
        model=model,
        range=chosen,
        presets=ranges.PRESETS,
        series=(series := overview.by_step(found["steps"], chosen)),
        bars_given=overview.chart_bars(view, series, "cost"),
        total=found["steps"]["total"],
        timings=found["timings"],
        level={"level": "account", "id": account_id, "name": account["name"]}
        | {"use": account["use"]},
    )
