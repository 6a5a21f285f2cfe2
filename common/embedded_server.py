"""granian embedded in this process, from its compiled core alone.

`import granian` brings its command line along (multiprocessing, pickle, tempfile, logging.config,
whatever of anyio and dotenv is installed): as much as all of asyncio, at every cold start. Of its
Python only `granian._futures` is needed here, 100 lines beside the core; what
`granian.server.embed` does for one worker without TLS stands below. Its package is private to
granian, so the lock pins it, and the integration tests of every function run on this.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]

# Threads of the server's own runtime: one reads and writes sockets, the others are made when
# files are served, which is never.
RUNTIME_THREADS = 1
RUNTIME_BLOCKING_THREADS = 512
BLOCKING_THREADS = 1
BLOCKING_IDLE_S = 30
# Certificate, key, its password, least protocol, authorities, revocation lists, clients' too.
_NO_TLS: tuple[object, ...] = (False, None, None, None, "tls1.3", None, [], False)
_NO_METRICS = (None, None)


class EmbeddedServer:
    """Serves an ASGI application on the running loop; HTTP/1.1 and cleartext HTTP/2."""

    def __init__(
        self, application: Application, host: str, port: int, *, backlog: int, requests_max: int
    ) -> None:
        self._core, self._new_scheduler = _import_core()
        # Its lines are no JSON, and say nothing that `serve` does not raise.
        logging.getLogger("_granian").setLevel(logging.CRITICAL + 1)
        self._application = application
        self._listener = (host, port, backlog)
        self._requests_max = requests_max
        self._stop = self._core.WorkerSignal()

    async def serve(self) -> None:
        """Serve until `stop` was called and every open request ended.

        Raises `RuntimeError` with the system's reason when the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        listener = self._core.ListenerSpec(*self._listener)
        listener.build()  # binds and lets go again: the worker's own failure would be silent
        over = loop.create_future()
        self._stop.add_cb(lambda: loop.call_soon_threadsafe(over.set_result, None))
        worker = self._core.ASGIWorker(
            1,
            (listener, None),
            None,
            RUNTIME_THREADS,
            RUNTIME_BLOCKING_THREADS,
            BLOCKING_THREADS,
            BLOCKING_IDLE_S,
            self._requests_max,
            "auto",
            None,
            None,
            False,  # WebSockets
            None,
            *_NO_TLS,
            _NO_METRICS,
        )
        scheduler = self._new_scheduler(loop, self._answering(), impl_asyncio=True)
        worker.serve_async(scheduler, loop, self._stop)
        await over

    def stop(self) -> None:
        """Take no new connection; `serve` returns when the last open request ended."""
        self._stop.set()

    def _answering(self) -> Callable[[Any], Awaitable[None]]:
        application = self._application

        async def answer(watcher: Any) -> None:
            scope, protocol = watcher.scope, watcher.proto
            scope.update(root_path="", state={})
            try:
                await application(scope, protocol.receive, protocol.send)
            except BaseException as error:  # noqa: BLE001 - the core answers 500, or hangs up
                watcher.err(error)
                return
            watcher.done()

        return answer


def _import_core() -> tuple[Any, Callable[..., Any]]:
    """The compiled module and the scheduler beside it, without running granian's `__init__`."""
    found = PathFinder.find_spec("granian")
    if found is None:
        raise ModuleNotFoundError("granian is not installed", name="granian")
    whole = sys.modules.pop("granian", None)
    package = ModuleType("granian")
    package.__path__ = found.submodule_search_locations or []
    sys.modules["granian"] = package
    try:
        from granian import _granian
        from granian._futures import _new_cbscheduler
    finally:
        # Whoever imports granian whole gets it whole.
        del sys.modules["granian"]
        if whole is not None:
            sys.modules["granian"] = whole
    return _granian, _new_cbscheduler
