"""usage_aggregation: usage events in, ledger rows out, an empty 204 as the answer.

`python -m common.serve functions.usage_aggregation.main:application` in production and `make dev`;
`functions-framework --target usage_aggregation --source functions/usage_aggregation/main.py --asgi`
anywhere else.
"""

from typing import Any

from common.event_function import EventFunction
from functions.usage_aggregation.ingest import ingest

application = EventFunction("usage_aggregation", {"/": ingest})


async def usage_aggregation(request: Any) -> Any:
    """The function for the framework, which calls the application that is returned."""
    del request  # its scope, receive and send go to the application untouched
    return application
