"""key_admin, the control plane: an ASGI application, exposed as a functions-framework function.

`python -m common.serve functions.key_admin.main:application` in production and `make dev`;
`functions-framework --target key_admin --source functions/key_admin/main.py --asgi` anywhere else.
"""

from typing import Any

from functions.key_admin.application import application

__all__ = ["application", "key_admin"]


async def key_admin(request: Any) -> Any:
    """The function for the framework, which calls the application that is returned."""
    del request  # its scope, receive and send go to the application untouched
    return application
