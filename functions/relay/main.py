"""relay, the data plane: an ASGI application, exposed as a functions-framework HTTP function.

`python -m common.serve functions.relay.main:application` in production and `make dev`;
`functions-framework --target relay --source functions/relay/main.py --asgi` anywhere else.
"""

from typing import Any

from common.asgi import HEALTH_PATHS, answer_health, run_lifespan
from functions.relay.pipeline import handle
from functions.relay.services import services, stop_services


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The ASGI application (ASGI 3.0)."""
    if scope["type"] == "http":
        if scope["path"] in HEALTH_PATHS:
            await answer_health(send)
        else:
            await handle(services(), scope, receive, send)
    elif scope["type"] == "lifespan":
        await run_lifespan(receive, send, services, stop_services)


async def relay(request: Any) -> Any:
    """The function for the framework, which calls the application that is returned."""
    del request  # its scope, receive and send go to the application untouched
    return application
