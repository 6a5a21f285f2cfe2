"""notifications: events in, messages to people out, an empty 204 as the answer.

`python -m common.serve functions.notifications.main:application` in production and `make dev`;
`functions-framework --target notifications --source functions/notifications/main.py --asgi`
anywhere else.
"""

from typing import Any

from common.event_function import EventFunction
from common.settings import notifications_settings
from functions.notifications.notify import notify

application = EventFunction("notifications", {"/": notify}, settings=notifications_settings)


async def notifications(request: Any) -> Any:
    """The function for the framework, which calls the application that is returned."""
    del request  # its scope, receive and send go to the application untouched
    return application
