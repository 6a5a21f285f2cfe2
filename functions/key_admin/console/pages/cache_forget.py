"""Forgetting what the response cache keeps of a level: asked for, then done."""

from starlette.responses import Response

from functions.key_admin.console.pages.policies import Level, level_of
from functions.key_admin.console.view import View

PATH = "/internal/response-cache"


async def show(view: View, of: str | None, of_id: str | None) -> Response:
    """What is kept, to be confirmed."""
    level = level_of(of, of_id)
    kept = await view.api.get(PATH)
    name = (await view.api.get(level.path))["name"] if level.id else ""
    return view.page(
        "cache_forget.html",
        section=level.section,
        level=level,
        level_name=name,
        kept=_kept_of(level, kept),
    )


async def submit(view: View, form: dict[str, str], of: str | None, of_id: str | None) -> Response:
    """Forgotten; the page of the policies says how much."""
    del form
    level = level_of(of, of_id)
    gone = (await view.api.ask("DELETE", PATH, query=level.query or {"all": "true"})).body
    return view.redirect(view.link(level.address, done="forgotten", n=gone["entries"]))


def _kept_of(level: Level, kept: dict[str, object]) -> object:
    """What is kept of it alone. Of one key of a team nobody counts it: None."""
    if not level.id:
        return kept["total"]
    items = kept["items"]
    own = [one for one in items if one["tenant"] == level.id] if isinstance(items, list) else []
    if level.section == "teams":
        return own[0] if own else {"entries": 0, "bytes": 0}
    return own[0] if own else None
