"""One process of the local stack: started, watched, started again, stopped."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.dev.console import last_lines, say
from cli.dev.errors import CannotStart
from cli.dev.identity import started
from cli.dev.launching import NO_USER, launched

READY_POLL_S = 0.05
PAUSE_S_FIRST = 0.1
PAUSE_S_MAX = 5.0
# Having run this long, a process that ends is no longer one that cannot start.
STEADY_S = 10.0
STARTS_MAX = 4

Ready = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Part:
    """What to run. `record` is its entry in processes.json beside pid and begin.

    `stop_order`: parts of a lower number have ended before those of a higher one are told to.
    `stop_s`: how long it may take to end what it is doing. `essential` parts (the stores) are
    given that time even when the person is in a hurry.
    """

    name: str
    command: list[str]
    log: Path
    ready: Ready
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    record: dict[str, Any] = field(default_factory=dict)
    stop_order: int = 0
    stop_s: float = 30.0
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    user: tuple[int, int] = NO_USER
    directory: str | None = None
    essential: bool = False


class Supervised:
    """A running part. `changed` is called whenever its process is another one."""

    def __init__(self, part: Part, changed: Callable[[], None]) -> None:
        self.part = part
        self.pid: int | None = None
        self.started = ""
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._failed_starts = 0

    async def start(self, seconds_max: float) -> None:
        """Start and wait until it is ready. Raises `CannotStart` with the end of its log."""
        self._watching = asyncio.create_task(self._watch(), name=f"watch {self.part.name}")
        waiting = asyncio.create_task(self._ready.wait())
        await asyncio.wait(
            {waiting, self._watching}, timeout=seconds_max, return_when=asyncio.FIRST_COMPLETED
        )
        waiting.cancel()
        if not self._ready.is_set():
            why = "ends again and again" if self._watching.done() else "does not become ready"
            raise CannotStart(
                f"{self.part.name} {why}; {self.part.log} says:\n{last_lines(self.part.log)}"
            )

    async def stop(self, hurry: asyncio.Event) -> None:
        """End it: its stop signal, and SIGKILL when its time is over or there is a hurry."""
        self._stopping.set()
        if self._watching is None:
            return
        if self._process is None or self._process.returncode is not None:
            self._watching.cancel()  # it is waiting for the next start
        else:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self.part.stop_signal)
            await self._wait_for_end(hurry)
        with contextlib.suppress(asyncio.CancelledError):
            await self._watching

    async def _wait_for_end(self, hurry: asyncio.Event) -> None:
        if self._watching is None:
            return
        hurrying = asyncio.create_task(hurry.wait())
        waited_for: set[asyncio.Task[Any]] = {self._watching}
        if not self.part.essential:
            waited_for.add(hurrying)
        await asyncio.wait(
            waited_for, timeout=self.part.stop_s, return_when=asyncio.FIRST_COMPLETED
        )
        hurrying.cancel()
        if not self._watching.done() and self.pid is not None:
            say(self.part.name, "does not end, is killed")
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _watch(self) -> None:
        """Run it again and again; return when stopping, or when it never got ready."""
        pause_s = PAUSE_S_FIRST
        was_ready = False
        while not self._stopping.is_set():
            began = time.monotonic()
            exit_code = await self._run_once()
            if self._stopping.is_set():
                return
            was_ready = was_ready or self._ready.is_set()
            self._ready.clear()
            self._failed_starts += 1
            if not was_ready and self._failed_starts >= STARTS_MAX:
                return
            if time.monotonic() - began > STEADY_S:
                pause_s = PAUSE_S_FIRST
            say(self.part.name, f"ended ({_described(exit_code)}), starts again in {pause_s:.1f} s")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, PAUSE_S_MAX)

    async def _run_once(self) -> int:
        """One process from its start to its end. Gives the exit code."""
        with self.part.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *launched(
                    self.part.command, death_signal=self.part.death_signal, user=self.part.user
                ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.part.environment,
                cwd=self.part.directory,
            )
        self.pid = self._process.pid
        self.started = started(self.pid)
        self._changed()
        becoming_ready = asyncio.create_task(self._become_ready(self._process))
        try:
            return await self._process.wait()
        finally:
            becoming_ready.cancel()

    async def _become_ready(self, process: asyncio.subprocess.Process) -> None:
        while process.returncode is None:
            if await self.part.ready():
                self._ready.set()
                if self._failed_starts:
                    say(self.part.name, "is ready again")
                return
            await asyncio.sleep(READY_POLL_S)


async def run_to_end(name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
    """Run a program that ends by itself. Raises `CannotStart` when it fails."""
    with log.open("ab") as stream:
        process = await asyncio.create_subprocess_exec(
            *launched(command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
        )
        try:
            exit_code = await process.wait()
        except asyncio.CancelledError:
            process.kill()
            raise
    if exit_code != 0:
        raise CannotStart(
            f"{name} failed ({_described(exit_code)}); {log} says:\n{last_lines(log)}"
        )


def http_ready(port: int, path: str = "/health/ready") -> Ready:
    """A check whether the port answers this path with 200."""

    async def ready() -> bool:
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
                    writer.write(request.encode())
                    status = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):
            return False
        return status.split()[1:2] == [b"200"]

    return ready


async def at_once() -> bool:
    """The check of a part that listens nowhere: ready when it runs."""
    return True


def in_thread(check: Callable[[], bool]) -> Ready:
    """A blocking check as a readiness check."""

    async def ready() -> bool:
        return await asyncio.to_thread(check)

    return ready


def _described(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"
