"""Notifications: channels, what was sent to them, a test of one, deleting one."""

from typing import Any

from starlette.responses import Response

from functions.key_admin.console.pages import names
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

PATH = "/internal/notification-channels"
MESSAGES = "/internal/notification-deliveries"
STATES = ("waiting", "sent", "given_up")
ROWS = 50
MESSAGES_OF_ONE = 20


async def show(view: View, message_id: str = "", problem: Problem | None = None) -> Response:
    """All channels, and the newest messages to any of them."""
    del message_id
    state = view.query.get("state", "")
    found = await view.gather(
        channels=view.api.get(PATH, limit=200),
        messages=view.api.get(
            MESSAGES,
            limit=ROWS,
            cursor=view.query.get("cursor"),
            state=state if state in STATES else "",
        ),
    )
    return view.page(
        "channels.html",
        200 if problem is None else problem.status,
        section="notifications",
        channels=found["channels"]["items"],
        messages=found["messages"]["items"],
        next_cursor=found["messages"]["next_cursor"],
        states=STATES,
        state=state,
        done=view.query.get("done", ""),
        problem=problem,
    )


async def retry(view: View, form: dict[str, str], message_id: str) -> Response:
    """It is sent again; one that has arrived meanwhile is not."""
    del form
    try:
        await view.api.ask("POST", f"{MESSAGES}/{message_id}/retry")
    except Problem as problem:
        if problem.status not in (404, 409):
            raise
        return await show(view, problem=problem)
    return view.redirect("/admin/notifications?done=retry")


async def show_one(
    view: View, channel_id: str, tested: dict[str, Any] | None = None, error: str = ""
) -> Response:
    """A channel: what it is for, without its secrets; what was sent to it."""
    found = await view.gather(
        channel=view.api.get(f"{PATH}/{channel_id}"),
        messages=view.api.get(MESSAGES, limit=MESSAGES_OF_ONE, channel_id=channel_id),
        teams=names.of_teams(view),
    )
    return view.page(
        "channel.html",
        409 if error else 200,
        section="notifications",
        channel=found["channel"],
        messages=found["messages"]["items"],
        teams=found["teams"],
        tested=tested,
        error=error,
        done=view.query.get("done", ""),
    )


async def test(view: View, form: dict[str, str], channel_id: str) -> Response:
    """Sent now; the page says what the receiver said."""
    del form
    try:
        answer = await view.api.ask("POST", f"{PATH}/{channel_id}/test")
    except Problem as problem:
        if problem.status != 409:
            raise
        return await show_one(view, channel_id, error=problem.detail)
    return await show_one(view, channel_id, tested=answer.body)


async def ask_delete(view: View, channel_id: str) -> Response:
    """What deleting does, to be confirmed."""
    channel = await view.api.get(f"{PATH}/{channel_id}")
    return view.page("channel_delete.html", section="notifications", channel=channel)


async def delete(view: View, form: dict[str, str], channel_id: str) -> Response:
    """Gone, and its messages."""
    del form
    await view.api.ask("DELETE", f"{PATH}/{channel_id}")
    return view.redirect("/admin/notifications?done=delete")
