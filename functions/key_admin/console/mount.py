"""Where the console hangs in `key_admin`. Nothing of it is imported before its first request."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

HOME = "/admin"


async def serve(request: Request) -> Response:
    """Any page or asset of the console."""
    from functions.key_admin.console.site import answer

    return await answer(request)


ROUTES = [
    Route(HOME, serve, methods=["GET", "POST"]),
    Route(f"{HOME}/{{page:path}}", serve, methods=["GET", "POST"]),
]
