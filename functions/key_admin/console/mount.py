"""Where the console hangs in `key_admin`. Nothing of it is imported before its first request."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

HOME, PORTAL = "/admin", "/portal"


async def serve(request: Request) -> Response:
    """Any page or asset of the console."""
    from functions.key_admin.console.site import answer

    return await answer(request)


async def serve_portal(request: Request) -> Response:
    """Any page of the portal."""
    from functions.key_admin.portal.site import answer

    return await answer(request)


ROUTES = [
    Route(HOME, serve, methods=["GET", "POST"]),
    Route(f"{HOME}/{{page:path}}", serve, methods=["GET", "POST"]),
    Route(PORTAL, serve_portal, methods=["GET", "POST"]),
    Route(f"{PORTAL}/{{page:path}}", serve_portal, methods=["GET", "POST"]),
]
