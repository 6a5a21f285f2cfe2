"""Whose turn a task is: one run at a time, and one run for each time slot.

A slot is the minute of a tick, cron's own grain. PingSource may fire twice in one, and the broker
may bring a tick again: the slot is marked once its run is through, and what comes after finds that.
A run is leased for seconds and renews its lease while it lives: so the next slot's run never
overlaps one that takes long, and one that died holds nothing back for longer than its lease.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Literal

from common.event_function import Worker
from common.identifiers import new_ulid
from common.state import locks
from common.state.commands import RedisUnavailable
from common.telemetry import logs
from functions.cleanup.turn import Turn

LEASE_MS = 15_000
RENEW_EVERY_S = 5.0
LOOK_EVERY_S = 0.5
# A tick is brought again for minutes, until the broker gives it up.
SLOT_MEMORY_MS = 24 * 3600 * 1000

Share = Literal["ours", "busy", "repeated"]


def slot_of(time: str | None) -> str:
    """The slot of an event by its `time` (RFC 3339); empty, which is none, without one."""
    if time is None:
        return ""
    try:
        moment = datetime.fromisoformat(time.upper())
    except ValueError:
        return ""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


@contextlib.asynccontextmanager
async def leased(worker: Worker, task: str, slot: str, turn: Turn) -> AsyncIterator[Share]:
    """Hold the task for the block, if it is `ours` to do; the block must look.

    When the block ends without an exception, the slot is marked. When the lease is lost, the turn
    is stopped. Without Redis a task goes on unleased: a lease only spares work.
    """
    lease = _Lease(worker, task, slot)
    share = await lease.take()
    if share != "ours":
        yield share
        return
    renewing = asyncio.create_task(lease.renew_until_lost(turn))
    try:
        yield share
        if not turn.stopped:
            await lease.mark()
    finally:
        renewing.cancel()
        await lease.free()


class _Lease:
    def __init__(self, worker: Worker, task: str, slot: str) -> None:
        self._commands = worker.redis
        self._prefix = worker.prefix
        self._name = f"task-{task}"
        self._token = new_ulid()
        self._mark = f"{worker.prefix}:task-slot:{task}:{slot}" if slot else ""
        self._unleased = False

    async def take(self) -> Share:
        """Take the lease; one that nobody renews any more is waited for, at most its length."""
        try:
            while not await locks.take(
                self._commands, self._prefix, self._name, self._token, LEASE_MS
            ):
                if await self._holder_lives():
                    return "busy"
            # The mark is set before its lease ends: so now it is there or never will be.
            if self._mark and await self._commands.call("EXISTS", self._mark):
                await self.free()
                return "repeated"
        except RedisUnavailable:
            self._unleased = True
        return "ours"

    async def _holder_lives(self) -> bool:
        """Whether who holds it renews it, or whoever comes next does; false once it is free."""
        rest_ms = await locks.held_for_ms(self._commands, self._prefix, self._name)
        # A longer one is of a version that renewed nothing: there is no telling.
        while -1 < rest_ms <= LEASE_MS:
            await asyncio.sleep(LOOK_EVERY_S)
            before_ms = rest_ms
            rest_ms = await locks.held_for_ms(self._commands, self._prefix, self._name)
            if rest_ms > before_ms:
                return True
        return rest_ms != -2

    async def renew_until_lost(self, turn: Turn) -> None:
        """Renew, and stop the turn when that fails for as long as the lease is."""
        loop = asyncio.get_running_loop()
        end = loop.time() + LEASE_MS / 1000
        while not self._unleased:
            await asyncio.sleep(RENEW_EVERY_S)
            asked = loop.time()
            try:
                held = await locks.renew(
                    self._commands, self._prefix, self._name, self._token, LEASE_MS
                )
            except RedisUnavailable:
                held = asked < end
            else:
                end = asked + LEASE_MS / 1000
            if not held:
                logs.log("lease_lost", level="warning", task=self._name)
                turn.stop()
                return

    async def mark(self) -> None:
        """The slot's run is through. Should Redis not hear it, a repeated tick runs it again."""
        if self._mark:
            with contextlib.suppress(RedisUnavailable):
                await self._commands.call("SET", self._mark, self._token, "PX", SLOT_MEMORY_MS)

    async def free(self) -> None:
        """Give the lease back; one that cannot be ends by itself."""
        try:
            await locks.free(self._commands, self._prefix, self._name, self._token)
        except RedisUnavailable as error:
            logs.log("lock_kept", level="warning", task=self._name, error=str(error))
