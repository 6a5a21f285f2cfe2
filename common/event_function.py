"""What the functions that take CloudEvents share: their application, and their connections.

A success is an empty 204. The Knative broker turns any other body that is no CloudEvent into a
failed delivery, and would deliver every successful event again (knative/eventing #7503).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from common import secrets
from common.asgi import (
    HEALTH_PATHS,
    BodyTooLarge,
    Receive,
    Send,
    answer,
    answer_health,
    read_body,
    run_lifespan,
)
from common.events.announce import Announcement, announce
from common.events.receive import Event, MalformedEvent, parse
from common.keyring import Keyring
from common.providers.http import UpstreamClient
from common.settings import WorkerSettings, worker_settings
from common.state.client import RedisPyCommands
from common.state.commands import RedisUnavailable
from common.state.outbox import Outbox
from common.store.database import Database, DatabaseUnavailable
from common.telemetry import catalogue, logs

EVENT_BYTES_MAX = 16 * 1024 * 1024
RETRY_AFTER_S = 2


class Worker:
    """The connections of an event function, made at the first event and kept."""

    def __init__(self, settings: WorkerSettings) -> None:
        # Whether the process ends: what a handler cannot finish then is nobody's fault.
        self.stopping = False
        self.settings = settings
        self.prefix = settings.state_prefix
        self.retention = settings.retention
        self.sweep_interval_s = settings.sweep_interval_s
        self.redis = RedisPyCommands.from_url(settings.redis_url)
        self.database = Database(settings.database_url)
        self.outbox = Outbox(self.redis, settings.state_prefix)
        self.events_key = secrets.derive(settings.internal_secret, "usage-events")
        self.sink_url = settings.sink_url
        self._ce_overrides = settings.ce_overrides
        self.keyring = Keyring(settings.encryption_keys, settings.internal_secret)
        self.upstream = UpstreamClient()

    @property
    def send(self) -> Callable[[Announcement], Awaitable[str]] | None:
        """Sends an event to the sink (see `announce`); None without a sink."""
        return self._announce if self.sink_url else None

    async def _announce(self, announcement: Announcement) -> str:
        return await announce(self.upstream.post, self.sink_url, announcement, self._ce_overrides)

    async def stop(self) -> None:
        """Close all connections."""
        await self.upstream.close()
        await self.database.close()
        await self.redis.close()


Handler = Callable[[Worker, Event], Awaitable[None]]


class EventFunction:
    """An ASGI application: one handler of events a path, and the health checks.

    Malformed events are answered 400, so that they become dead letters; a store that is away 503,
    so that they come again. Where dead letters come in (`dead_letters`, a path) data may be
    anything: that it is malformed may be why nobody took it.
    """

    def __init__(
        self,
        name: str,
        handlers: Mapping[str, Handler],
        *,
        dead_letters: str = "",
        settings: Callable[[], WorkerSettings] = worker_settings,
    ) -> None:
        self._name = name
        self._handlers = handlers
        self._dead_letters = dead_letters
        self._settings = settings
        self._worker: Worker | None = None
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def worker(self) -> Worker:
        """The connections. Raises `SettingsError` at the first use if a setting is wrong."""
        if self._worker is None:
            self._worker = Worker(self._settings())
        return self._worker

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI 3.0."""
        if scope["type"] == "lifespan":
            await run_lifespan(receive, send, lambda: self.worker, self._stop)
        elif scope["type"] == "http":
            if scope["path"] in HEALTH_PATHS:
                await answer_health(send)
            else:
                await self._serve(scope, receive, send)

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        status, title, detail = await self._status(scope, receive)
        catalogue.REQUESTS.increment(function=self._name, endpoint="event", status=str(status))
        if status == 204:
            await answer(send, 204, [])
            return
        logs.log("event_refused", level="warning", status=status, detail=detail)
        headers = [(b"content-type", b"application/problem+json")]
        if status == 503:
            headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
        if status == 405:
            headers.append((b"allow", b"POST"))
        problem = {"title": title, "status": status, "detail": detail}
        await answer(send, status, headers, msgspec.json.encode(problem))

    async def _status(self, scope: dict[str, Any], receive: Receive) -> tuple[int, str, str]:
        handler = self._handlers.get(scope["path"])
        if handler is None:
            return 404, "Not found", f"events are taken at {', '.join(self._handlers)}"
        if scope["method"] != "POST":
            return 405, "Method not allowed", f"{scope['path']} takes POST"
        try:
            body = await read_body(receive, EVENT_BYTES_MAX)
            any_data = scope["path"] == self._dead_letters
            event = parse(_headers(scope), body, any_data=any_data)
            await self._handle(handler, event)
        except MalformedEvent as error:
            return 400, "Malformed event", str(error)
        except BodyTooLarge:
            return 413, "Event too large", f"an event has at most {EVENT_BYTES_MAX} bytes"
        except (DatabaseUnavailable, RedisUnavailable) as error:
            return 503, "Store unavailable", str(error)
        except Exception as error:  # noqa: BLE001 - whatever broke, the event comes again
            logs.log("event_failed", level="error", error=repr(error))
            return 500, "Internal error", "the function failed; see its log"
        return 204, "", ""

    async def _handle(self, handler: Handler, event: Event) -> None:
        self._running += 1
        self._idle.clear()
        try:
            await handler(self.worker, event)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def _stop(self, within_s: float) -> None:
        """Close the connections once no event uses them, be its broker gone or not."""
        if self._worker is not None:
            self._worker.stopping = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), within_s)
            worker, self._worker = self._worker, None
            await worker.stop()


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
