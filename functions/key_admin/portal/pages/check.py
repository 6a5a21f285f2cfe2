"""What a key used and what is left for it, for whoever presents it; nobody signs in.

The key comes in a form and goes nowhere else: no address, cookie or log has it.
"""

from starlette.requests import Request
from starlette.responses import Response

from functions.key_admin.bodies import PUBLIC_BODY_BYTES_MAX
from functions.key_admin.console.view import PORTAL, View
from functions.key_admin.identity.pages import check_own_page, read_form
from functions.key_admin.problem import Problem


async def answer(request: Request) -> Response:
    """The form, or what the key is told."""
    view = View(request, None, PORTAL)
    if request.method != "POST":
        return view.page("portal_check.html", section="", error="", found=None)
    form = await read_form(request, PUBLIC_BODY_BYTES_MAX)
    try:
        check_own_page(request)
        body = {"api_key": form.get("api_key", "").strip()}
        answer = await view.api.ask("POST", "/internal/self/check", body=body)
    except Problem as problem:
        said = problem.errors[0].message if problem.errors else problem.detail
        page = view.page("portal_check.html", problem.status, section="", error=said, found=None)
        for name, value in problem.headers.items():
            page.headers[name] = value
        return page
    return view.page("portal_check.html", section="", error="", found=answer.body)
