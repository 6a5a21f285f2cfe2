"""A form that came too late: its session is over, or the person signed in anew since it was opened.

Nothing is done. What was typed is shown, to be sent again by the person: never by itself, and
without secrets, which no page has twice.
"""

from starlette.responses import Response

from common.domain.notification_channels import MEMBERS
from functions.key_admin import multipart
from functions.key_admin.console.view import View
from functions.key_admin.identity.pages import login_url, path_of

_SECRET = frozenset(("password", "master_key", "api_key")).union(
    *(members.secret for members in MEMBERS.values())
)
# What a form carries beside what is typed.
_CARRIED = frozenset(("base", "version", "once", "act", "seen", "difference"))
_FILES = frozenset(("logo",))


def is_secret(name: str) -> bool:
    """Whether a field of a form is for a secret."""
    return name.startswith("credential.") or name.rpartition(".")[2] in _SECRET


def page(view: View, form: dict[str, str]) -> Response:
    """What was sent, for the person who is signed in now; without one, with the way to sign in."""
    kept = {name: text for name, text in form.items() if name != "csrf_token"}
    has_files = view.request.headers.get("content-type", "").startswith(multipart.MEDIA_TYPE)
    files = [name for name in kept if has_files and name in _FILES]
    secrets = [name for name in kept if is_secret(name)]
    kept = {name: text for name, text in kept.items() if name not in (*files, *secrets)}
    if view.actor is None:
        # Asked for by the page after this one, which has somebody to send them for.
        kept, secrets = kept | dict.fromkeys(secrets, ""), []
    query = view.request.url.query
    return view.page(
        "again.html",
        401 if view.actor is None else 403,
        section="",
        address=path_of(view.request) + (f"?{query}" if query else ""),
        sign_in=login_url(view.request),
        kept=kept,
        typed={name: text for name, text in kept.items() if text and name not in _CARRIED},
        secrets=secrets,
        files=files,
        has_files=has_files,
    )
