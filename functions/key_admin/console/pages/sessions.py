"""Sessions: your own, for an admin everybody's; ending one, and all of somebody."""

from starlette.responses import Response

from common.domain.roles import ADMINISTER
from functions.key_admin.console.view import View
from functions.key_admin.identity.pages import LOGIN

PATH = "/internal/sessions"
ROWS = 50


async def show(view: View, session_id: str = "") -> Response:
    """Your own, or for an admin everybody's."""
    del session_id
    everybody = _sees_others(view) and view.query.get("of") == "everybody"
    page = await view.api.get(
        PATH, limit=ROWS, cursor=view.query.get("cursor"), all="true" if everybody else ""
    )
    return view.page(
        "sessions.html",
        section="sessions",
        sessions=page["items"],
        next_cursor=page["next_cursor"],
        everybody=everybody,
        sees_others=_sees_others(view),
        done=view.query.get("done", ""),
    )


async def end(view: View, form: dict[str, str], session_id: str) -> Response:
    """It is over on its next call; your own at once."""
    await view.api.ask("DELETE", f"{PATH}/{session_id}")
    if view.actor is not None and session_id == view.actor.session_id:
        return view.redirect(LOGIN)
    return view.redirect(view.link("/admin/sessions", of=form.get("of"), done="end"))


async def ask_everywhere(view: View) -> Response:
    """Whose sessions all end, to be confirmed."""
    subject = view.query.get("subject", "")
    page = await view.api.get(PATH, limit=ROWS, subject=subject)
    return view.page(
        "sessions_everywhere.html",
        section="sessions",
        subject=subject,
        sessions=page["items"],
        more=page["next_cursor"] is not None,
        own=view.actor is not None and subject in ("", view.actor.subject),
    )


async def end_everywhere(view: View, form: dict[str, str]) -> Response:
    """All of them are over; your own, and so this one, too."""
    subject = form.get("subject", "")
    await view.api.ask("DELETE", PATH, query={"subject": subject})
    if view.actor is not None and subject in ("", view.actor.subject):
        return view.redirect(LOGIN)
    return view.redirect("/admin/sessions?of=everybody&done=end")


def _sees_others(view: View) -> bool:
    return view.actor is not None and ADMINISTER.admits(view.actor, "sessions")
