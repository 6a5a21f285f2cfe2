"""pii: what a language model finds in texts, for `relay`.

`python -m common.serve functions.pii.main:application` in production and `make dev`;
`functions-framework --target pii --source functions/pii/main.py --asgi` anywhere else.
"""

from typing import Any

from functions.pii.application import Application

application = Application()


async def pii(request: Any) -> Any:
    """The function for the framework, which calls the application that is returned."""
    del request  # its scope, receive and send go to the application untouched
    return application
