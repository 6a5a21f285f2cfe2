"""cleanup: cron ticks in, what is due done, an empty 204 as the answer.

`python -m common.serve functions.cleanup.main:application` in production and `make dev`;
`functions-framework --target cleanup --source functions/cleanup/main.py --asgi` anywhere else.
"""

from typing import Any

from common.event_function import EventFunction
from common.settings import cleanup_settings
from functions.cleanup.dead_letters import keep_dead_letter
from functions.cleanup.run import run_task

DEAD_LETTERS = "/dead-letters"
application = EventFunction(
    "cleanup",
    {"/": run_task, DEAD_LETTERS: keep_dead_letter},
    dead_letters=DEAD_LETTERS,
    settings=cleanup_settings,
)


async def cleanup(request: Any) -> Any:
    """The function for the framework, which calls the application that is returned."""
    del request  # its scope, receive and send go to the application untouched
    return application
