"""exporter: what the stores hold, as metrics that do not vanish when functions scale to zero.

`python -m common.serve functions.exporter.main:application`. It runs always, one of it, and looks
at the stores when the metrics port is asked.
"""

import asyncio
from typing import Any

import msgspec

from common.asgi import HEALTH_PATHS, Receive, Send, answer, answer_health, run_lifespan
from common.settings import exporter_settings
from common.telemetry import logs
from common.telemetry.metrics import BEFORE_SCRAPE
from functions.exporter.stores import Stores
from functions.exporter.watched import ANSWER_S

_NOT_FOUND = {"title": "Not found", "status": 404, "detail": "metrics are on RELAY_METRICS_PORT"}


class Exporter:
    """An ASGI application that serves the health checks; metrics have their own port."""

    def __init__(self) -> None:
        self._stores: Stores | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI 3.0."""
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send, self._start, self._stop)
        elif scope["type"] == "http":
            if scope["path"] in HEALTH_PATHS:
                await answer_health(send)
            else:
                headers = [(b"content-type", b"application/problem+json")]
                await answer(send, 404, headers, msgspec.json.encode(_NOT_FOUND))

    def _start(self) -> None:
        self._stores = Stores(exporter_settings())
        self._loop = asyncio.get_running_loop()
        BEFORE_SCRAPE.append(self._refresh)

    async def _stop(self, within_s: float) -> None:
        del within_s  # nothing is left to do
        BEFORE_SCRAPE.remove(self._refresh)
        if self._stores is not None:
            stores, self._stores = self._stores, None
            await stores.close()

    def _refresh(self) -> None:
        """Called by the metrics port's thread; the stores are asked by the event loop."""
        if self._stores is None or self._loop is None:
            return
        refreshed = asyncio.run_coroutine_threadsafe(self._stores.refresh(), self._loop)
        try:
            refreshed.result(2 * ANSWER_S)
        except Exception as error:  # noqa: BLE001 - a scrape never fails; it says what is known
            logs.log("refresh_failed", level="error", error=repr(error))


application = Exporter()


async def exporter(request: Any) -> Any:
    """The function for the framework, which calls the application that is returned."""
    del request  # its scope, receive and send go to the application untouched
    return application
