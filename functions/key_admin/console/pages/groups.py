"""Groups of accounts: made, changed, deleted; who is bound to one is said."""

from typing import Any

from starlette.responses import Response

from functions.key_admin.console import drafts
from functions.key_admin.console.editing import Form
from functions.key_admin.console.pages import names
from functions.key_admin.console.routing_fields import GroupDraft
from functions.key_admin.console.view import View
from functions.key_admin.problem import Problem

PATH = "/internal/groups"
HOME = "/admin/routing/groups"
ROWS = 50
_DRAFT = GroupDraft()


async def show(view: View) -> Response:
    """A page of them, newest first."""
    found = await view.gather(
        page=view.api.get(PATH, limit=ROWS, cursor=view.query.get("cursor")),
        accounts=names.of_accounts(view),
    )
    return view.page(
        "groups.html",
        section="routing",
        groups=found["page"]["items"],
        next_cursor=found["page"]["next_cursor"],
        accounts=found["accounts"],
        done=view.query.get("done", ""),
    )


async def show_new(view: View) -> Response:
    """The empty form."""
    return await _page(view, Form({}))


async def create(view: View, form: dict[str, str]) -> Response:
    """Made, and on to it."""
    made, left = await drafts.created(view, _DRAFT, "POST", PATH, form)
    if left is not None:
        return await _page(view, left)
    return view.redirect(view.link(f"{HOME}/{made['id']}", done="saved"))


async def show_one(view: View, group_id: str) -> Response:
    """The form as the group is now, and who is bound to it."""
    answer = await view.api.ask("GET", f"{PATH}/{group_id}")
    form = drafts.opened(_DRAFT, answer.body, answer.etag)
    return await _page(view, form, answer.body)


async def save(view: View, form: dict[str, str], group_id: str) -> Response:
    """Changed, or the form again."""
    left = await drafts.saved(view, _DRAFT, "PATCH", f"{PATH}/{group_id}", form)
    if left is None:
        return view.redirect(view.link(f"{HOME}/{group_id}", done="saved"))
    return await _page(view, left, await view.api.get(f"{PATH}/{group_id}"))


async def ask_delete(view: View, group_id: str) -> Response:
    """What deleting does, to be confirmed; who is bound to it is named."""
    return _confirm(view, await view.api.get(f"{PATH}/{group_id}"))


async def delete(view: View, form: dict[str, str], group_id: str) -> Response:
    """Deleted; of one in use it says by whom."""
    del form
    try:
        await view.api.ask("DELETE", f"{PATH}/{group_id}")
    except Problem as problem:
        if problem.status != 409:
            raise
        return _confirm(view, await view.api.get(f"{PATH}/{group_id}"), 409)
    return view.redirect(view.link(HOME, done="deleted"))


def _confirm(view: View, group: dict[str, Any], status: int = 200) -> Response:
    return view.page("group_delete.html", status, section="routing", group=group)


async def _page(view: View, form: Form, group: dict[str, Any] | None = None) -> Response:
    accounts = names.by_name(await names.accounts(view))
    known = {one["id"] for one in accounts}
    return view.page(
        "group_form.html",
        form.status,
        section="routing",
        group=group,
        path=f"{HOME}/{group['id']}" if group else HOME,
        form=form,
        values=form.values,
        errors=form.errors,
        accounts=accounts,
        gone=[one for one in (group or {}).get("account_ids", []) if one not in known],
        done=view.query.get("done", ""),
    )
