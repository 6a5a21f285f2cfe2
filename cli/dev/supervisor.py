"""Starts the parts stage by stage, keeps them running, stops them in order."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Any

from cli.dev.console import LogFollower, say
from cli.dev.part import Part, Supervised
from cli.dev.state import State

START_S_MAX = 60.0
_FOLLOW_PAUSE_S = 0.5

# A stage is parts that start at once, or a step that is done once between them.
Stage = Sequence[Part] | Callable[[], Awaitable[None]]


class Supervisor:
    """The running stack. `fixed_records` are entries of processes.json that are not ours to run."""

    def __init__(self, state: State, fixed_records: dict[str, dict[str, Any]]) -> None:
        self._state = state
        self._fixed_records = fixed_records
        self._running: list[Supervised] = []
        self._followers: dict[str, LogFollower] = {}
        self._interrupted = asyncio.Event()
        self._hurry = asyncio.Event()

    async def run(self, stages: Sequence[Stage], when_ready: Callable[[], None]) -> None:
        """Run until a signal asks to stop. Raises `CannotStart` after stopping what had begun."""
        self._listen_for_signals()
        following = asyncio.create_task(self._follow_logs())
        try:
            starting = asyncio.create_task(self._start(stages))
            interrupted = asyncio.create_task(self._interrupted.wait())
            await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                when_ready()
                await interrupted
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
        finally:
            await self._stop()
            following.cancel()

    async def _start(self, stages: Sequence[Stage]) -> None:
        for stage in stages:
            if callable(stage):
                await stage()
                continue
            begun = [Supervised(part, self._write_processes) for part in stage]
            self._running += begun
            for part in stage:
                self._followers[part.name] = LogFollower(part.log)
            await asyncio.gather(*(supervised.start(START_S_MAX) for supervised in begun))

    async def _stop(self) -> None:
        def order(supervised: Supervised) -> int:
            return supervised.part.stop_order

        for _, together in groupby(sorted(self._running, key=order), key=order):
            await asyncio.gather(*(supervised.stop(self._hurry) for supervised in together))
        self._state.forget_processes()

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started by nohup
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self._interrupted.is_set():
            say("relayctl", "open requests are cut off")
            self._hurry.set()
            return
        say("relayctl", "stopping: open requests end first (once more to cut them off)")
        self._interrupted.set()

    def _write_processes(self) -> None:
        records = dict(self._fixed_records)
        for supervised in self._running:
            if supervised.pid is not None:
                records[supervised.part.name] = {
                    "pid": supervised.pid,
                    **supervised.part.record,
                    "started": supervised.started,
                }
        self._state.write_processes(records)

    async def _follow_logs(self) -> None:
        while True:
            await asyncio.sleep(_FOLLOW_PAUSE_S)
            for name, follower in self._followers.items():
                for line in follower.warnings():
                    say(name, line)
