"""Accounts: what each provider's credential does, how it is, trying it, letting it serve again."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from common.domain.accounts import PROVIDER_NAMES
from common.domain.globs import is_glob
from functions.key_admin.console import ranges
from functions.key_admin.console.formats import decimal
from functions.key_admin.console.pages import overview
from functions.key_admin.console.view import HEADERS, View
from functions.key_admin.models.account_calls import PROMPT
from functions.key_admin.problem import Problem

ROWS = 100
RECORDS = 10
MODELS = 5
ERRORS = 20
# What a test call says is shown, not kept: an answer that never ends is cut.
LINES_MAX = 400


async def show(view: View) -> Response:
    """All of them, those that need somebody first."""
    month = ranges.read("month", "", "", view.now, view.zone)
    span = overview.bounds(month.since, month.until)
    provider = view.query.get("provider", "")
    provider = provider if provider in PROVIDER_NAMES else ""
    cursor = view.query.get("cursor")
    found = await view.gather(
        page=view.api.get("/internal/accounts", limit=ROWS, cursor=cursor, provider=provider),
        sums=view.api.get("/internal/usage", group_by="account", **span),
    )
    return view.page(
        "accounts.html",
        section="accounts",
        accounts=overview.by_need(found["page"]["items"]),
        next_cursor=found["page"]["next_cursor"],
        sums={one["group"]["account"]: one for one in found["sums"]["items"]},
        providers=PROVIDER_NAMES,
        provider=provider,
        done=view.query.get("done", ""),
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
    """A small question by the account; each step of the answer is shown as it comes.

    To the script that asks for the steps alone they are sent one by one, a line of HTML each.
    """
    body = {name: text for name in ("model", "prompt") if (text := form.get(name, "").strip())}
    try:
        answer = await view.api.raw("POST", f"/internal/accounts/{account_id}/test", body=body)
    except Problem as problem:
        if problem.status not in (409, 422, 429):
            raise
        errors = {one.field: one.message for one in problem.errors} or {"model": problem.detail}
        return await _page(view, account_id, errors=errors, asked=form)
    lines = _lines(answer.body_iterator)  # type: ignore[attr-defined]
    if view.is_partial:
        headers = HEADERS | {"x-accel-buffering": "no"}
        return StreamingResponse(_parts(view, lines), headers=headers, media_type="text/html")
    found: list[dict[str, Any]] = []
    async for line in lines:
        found.append(line)
        del found[LINES_MAX:-1]
    return await _page(view, account_id, lines=found, asked=form)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    content = b""
    async for chunk in chunks:
        *whole, content = (content + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield msgspec.json.decode(line)


async def _parts(view: View, lines: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    """The empty steps, then each of them; a line each, so the script knows where one ends."""
    yield _one_line(view.rendered("account_trial.html", lines=[], part=None))
    async for line in lines:
        yield _one_line(view.rendered("account_trial.html", lines=[], part=line))


def _one_line(markup: str) -> str:
    return markup.strip().replace("\r", "").replace("\n", "&#10;") + "\n"


def hindrances(account: dict[str, Any], now: datetime) -> list[str]:
    """Why it is not asked at this moment, as words' names. Pure."""
    found = []
    if not account["enabled"]:
        found.append("disabled")
    if not account["schedulable"]:
        found.append("drained")
    if account["expires_at"] and datetime.fromisoformat(account["expires_at"]) <= now:
        found.append("expired")
    health = account["health"] or {}
    if health.get("circuit") in ("open", "half_open"):
        found.append(health["circuit"])
    if any(
        one["policy"] != "soft" and decimal(one["remaining"]) <= 0 for one in account["use"] or []
    ):
        found.append("used_up")
    return found


async def _page(
    view: View,
    account_id: str,
    *,
    lines: list[dict[str, Any]] | None = None,
    errors: dict[str, str] | None = None,
    asked: dict[str, str] | None = None,
) -> Response:
    path = f"/internal/accounts/{account_id}"
    chosen = overview.chosen_range(view)
    span = overview.bounds(chosen.since, chosen.until) | {"tz": view.zone_name}
    span |= {"account_id": account_id}
    get = view.api.get
    found = await view.gather(
        account=get(path),
        failed=get(f"{path}/errors"),
        users=get(f"{path}/users"),
        steps=get("/internal/usage", group_by=chosen.step, **span),
        models=get("/internal/usage/leaderboard", by="model", limit=MODELS, **span),
        timings=get("/internal/usage/timings", **span),
        records=get("/internal/usage/records", account_id=account_id, limit=RECORDS),
    )
    account = found["account"]
    return view.page(
        "account.html",
        422 if errors else 200,
        section="accounts",
        account=account,
        reasons=hindrances(account, view.now),
        failed=found["failed"]["items"][:ERRORS],
        users=found["users"]["items"],
        done=view.query.get("done", ""),
        lines=lines,
        part=None,
        errors=errors or {},
        values=asked or {},
        prompt=PROMPT,
        first_model=next((one for one in account["models"] if not is_glob(one)), ""),
        range=chosen,
        presets=ranges.PRESETS,
        series=(series := overview.by_step(found["steps"], chosen)),
        bars_given=overview.chart_bars(view, series, "cost"),
        total=found["steps"]["total"],
        tokens=overview.all_tokens(found["steps"]["total"]["tokens"]),
        models=found["models"]["items"],
        timings=found["timings"],
        records=found["records"]["items"],
        level={"level": "account", "id": account_id, "name": "", "use": account["use"]},
    )
