"""The one server entry of all functions: `python -m common.serve functions.relay.main:application`.

The server is our own (`common.http_server`), in the application's loop, the ASGI lifespan is run
around it, and SIGTERM drains: no new connection, open requests end by themselves
up to the revision's timeout, then the lifespan's shutdown flushes. The functions framework's own
server cuts streams 30 s after SIGTERM whatever the revision allows, which is why it is only the
portable entry.
"""

import asyncio
import gc
import importlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from common import (
    draining,
    lean_msgspec,  # noqa: F401 - first, for its effect
)
from common.asgi import WITHIN_S
from common.event_loop import new_event_loop
from common.http_server import HTTPServer
from common.settings import ServeSettings, SettingsError, serve_settings
from common.telemetry import logs

Application = Callable[[Any, Any, Any], Awaitable[None]]

# At most this many connections are served at once; further ones wait.
OPEN_REQUESTS_MAX = 16_384
BACKLOG = 2_048
# What shutting down may take on top of what is left of the time to drain.
FLUSH_S = 10.0
# Collections of garbage, by objects made since the last and by collections of the generation below.
# Requests make few cycles, and by default each of them would be looked for while it lasts.
GC_THRESHOLDS = (5_000, 20, 20)
# Left to the lifespan's own end, so that it can say itself what it could not do.
RESERVE_S = 0.5


class CannotListen(OSError):
    """The address is taken or not ours to take; the text says which and why."""


class Lifespan:
    """The ASGI lifespan protocol around the server (ASGI spec, lifespan 2.0)."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._messages: asyncio.Queue[dict[str, str | float]] = asyncio.Queue()
        self._answered = asyncio.Event()
        self._failure: Exception | None = None
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Start background work. Raises what the application raised.

        `RuntimeError` when it only says that it failed.
        """
        self._task = asyncio.create_task(self._run())
        await self._say("lifespan.startup")
        if self._failure is not None:
            raise self._failure

    async def shutdown(self, within_s: float) -> None:
        """Let the application flush and close; bounded, so that a lost peer cannot hold us."""
        if self._task is None or self._task.done():
            return
        try:
            said = self._say("lifespan.shutdown", **{WITHIN_S: within_s - RESERVE_S})
            await asyncio.wait_for(said, within_s)
        except TimeoutError:
            logs.log("shutdown_flush_timeout", level="warning", within_s=within_s)
            self._task.cancel()
        if self._failure is not None:
            logs.log("shutdown_failed", level="error", error=repr(self._failure))

    async def _say(self, message: str, **members: float) -> None:
        self._answered.clear()
        await self._messages.put({"type": message, **members})
        await self._answered.wait()

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        try:
            await self._application(scope, self._messages.get, self._send)
        except Exception as error:  # noqa: BLE001 - for startup to raise, for shutdown to log
            self._failure = error
        finally:
            self._answered.set()

    async def _send(self, message: dict[str, str]) -> None:
        if message["type"].endswith(".failed"):
            self._failure = RuntimeError(message.get("message", "the application failed"))
        self._answered.set()


async def serve(application: Application, settings: ServeSettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain for `settings.drain_s` seconds at most.

    Raises `CannotListen`, or what the application's startup raised.
    """
    logs.gather(asyncio.get_running_loop().call_soon)
    lifespan = Lifespan(application)
    await lifespan.startup()
    gc.freeze()  # what the imports made stays for good
    gc.set_threshold(*GC_THRESHOLDS)
    server = HTTPServer(
        application,
        settings.host,
        settings.port,
        backlog=BACKLOG,
        requests_max=OPEN_REQUESTS_MAX,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = loop.create_task(server.serve())
    waiting = loop.create_task(stopping.wait())
    background = loop.create_task(_after_ready(settings))
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    failed = serving.done() and not stopping.is_set()
    drained_at = loop.time() + settings.drain_s
    if not failed:
        draining.begin()
        server.stop()
        _, unfinished = await asyncio.wait({serving}, timeout=settings.drain_s)
        if unfinished:
            logs.log("drain_timeout", level="warning", drain_s=settings.drain_s)
    waiting.cancel()
    background.cancel()
    await lifespan.shutdown(max(drained_at - loop.time(), 0) + FLUSH_S)
    if failed:
        _raise_failure(serving, settings)


def _raise_failure(serving: asyncio.Task[None], settings: ServeSettings) -> NoReturn:
    """Raise `CannotListen` or what the server raised."""
    error = serving.exception()
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        raise CannotListen(f"cannot listen on {settings.host} port {settings.port}: {reason}")
    raise error or RuntimeError("the server ended by itself")


async def _after_ready(settings: ServeSettings) -> None:
    """What is not needed for the first answer: the metrics port and its imports."""
    await asyncio.sleep(1)
    if settings.metrics_port:
        from common.telemetry.exposition import start_metrics_server

        await asyncio.to_thread(start_metrics_server, settings.metrics_port)


def load(target: str) -> Application:
    """The application `module:attribute`."""
    module_name, _, attribute = target.partition(":")
    application: Application = getattr(importlib.import_module(module_name), attribute)
    return application


def main(arguments: list[str]) -> int:
    """Serve the target named on the command line."""
    if len(arguments) != 1 or ":" not in arguments[0]:
        print("usage: python -m common.serve functions.relay.main:application", file=sys.stderr)  # noqa: T201 - a command line answers on the terminal
        return 2
    name = arguments[0].split(".")[1].split(":")[0]
    return run(name, lambda: load(arguments[0]))


def run(name: str, make: Callable[[], Application]) -> int:
    """Make and serve until SIGTERM; 2 when a setting is wrong or the address cannot be had."""
    # The first process of a container has no default action: without a handler a SIGTERM during the
    # imports is lost, and the container stays for its whole grace period. `serve` has its own.
    signal.signal(signal.SIGTERM, lambda *_: end(0))
    try:
        settings = serve_settings()
        logs.configure(settings.log_level, name, settings.environment)
        _write_log_files(settings)
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve(make(), settings))
    except (SettingsError, CannotListen) as error:
        print(f"cannot start {name}: {error}", file=sys.stderr)  # noqa: T201 - as above
        return 2
    finally:
        logs.gather(None)
        logs.close_files()
    return 0


def _write_log_files(settings: ServeSettings) -> None:
    if (file := settings.log_file) is None:
        return
    try:
        logs.write_files(file.directory, file.bytes_max, file.files_max)
    except OSError as error:
        raise SettingsError(
            f"RELAY_LOG_DIRECTORY={file.directory!r}: cannot be written ({error.strerror}): give "
            "a directory of this process's user, or leave it out"
        ) from None


def end(code: int) -> NoReturn:
    """End the process with this code, past the interpreter's own end.

    A thread that still looks up a name would hold the process until the resolver gives up.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main(sys.argv[1:]))
