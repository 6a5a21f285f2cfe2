"""The portal's pages by their addresses. What they are made of is the console's."""

from starlette.requests import Request
from starlette.responses import Response

from functions.key_admin.console import site
from functions.key_admin.console.site import WHO_CALLS, Page
from functions.key_admin.console.view import PORTAL

_ID = r"[0-9A-Z]{26}"
PAGES = (
    Page("", "home"),
    Page("keys", "home"),
    Page("keys/new", "key_form", "show_new", "create", ("POST /internal/self/keys",), is_read=True),
    Page(f"keys/(?P<key_id>{_ID})", "key"),
    Page(f"keys/(?P<key_id>{_ID})/(?P<act>rotate|revoke)", "key_acts", "show", "submit",
         ("POST /internal/self/keys/{key_id}/rotate", "POST /internal/self/keys/{key_id}/revoke")),
    Page("requests", "requests"),
    Page(f"requests/(?P<request_id>{_ID})", "receipt"),
    Page("preferences", "preferences", "show", "submit", (WHO_CALLS,), is_read=True),
)  # fmt: skip
SITE = site.Site(
    PORTAL,
    "functions.key_admin.portal.pages",
    PAGES,
    {"login": "sign_in", "check": "check"},
)


async def answer(request: Request) -> Response:
    """Any page or form of the portal; what goes wrong is a page too."""
    return await site.answer(request, SITE)
