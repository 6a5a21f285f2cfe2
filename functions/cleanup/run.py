"""A tick: the task it names, unless another process is at it.

PingSource ids are new at every fire and a missed tick is lost (knative/eventing docs,
PingSource), so a task works off all that is due and never counts ticks.
"""

import time
from collections.abc import Awaitable, Callable

from common.event_function import Worker
from common.events.receive import Event, MalformedEvent, data_as
from common.events.types import CRON_TASK, CronTask
from common.identifiers import new_ulid, now_ms
from common.state import locks
from common.state.commands import RedisUnavailable
from common.telemetry import catalogue, logs
from functions.cleanup.tasks import key_expiry, leases, outbox, partitions, projection, retention
from functions.cleanup.turn import Turn

Task = Callable[[Worker, Turn], Awaitable[dict[str, int]]]

# Each may run twice, and may be missed once.
TASKS: dict[str, Task] = {
    "key_expiry": key_expiry.run,
    "leases": leases.run,
    "outbox": outbox.run,
    "partitions": partitions.run,
    "projection": projection.run,
    "retention": retention.run,
}
# As long as the trigger waits for an answer; a process that died holds a task back no longer.
LOCK_MS = 300_000


async def run_task(worker: Worker, event: Event) -> None:
    """Run the task of a tick. Raises `MalformedEvent` and what means that a store is away."""
    if event.type != CRON_TASK:
        raise MalformedEvent(f"type is {event.type!r}: {CRON_TASK!r} belongs here")
    name = data_as(event, CronTask).task
    if name not in TASKS:
        raise MalformedEvent(f"no task is named {name[:40]!r}: there are {', '.join(TASKS)}")
    await perform(worker, name, Turn(now_ms()))


async def perform(worker: Worker, name: str, turn: Turn) -> bool:
    """Run a task of `TASKS`; false when another process is at it, and nothing was done.

    What was done stands in `turn.done`. Raises what means that a store is away.
    """
    if turn.dry_run:
        await TASKS[name](worker, turn)
        return True
    token = new_ulid()
    if not await _take(worker, name, token):
        catalogue.TASK_RUNS.increment(task=name, result="busy")
        return False
    started = time.monotonic()
    try:
        done = await TASKS[name](worker, turn)
    except Exception:
        catalogue.TASK_RUNS.increment(task=name, result="failed")
        raise
    finally:
        await _free(worker, name, token)
    catalogue.TASK_RUNS.increment(task=name, result="done")
    duration_ms = int((time.monotonic() - started) * 1000)
    logs.log("task", task=name, duration_ms=duration_ms, done=done)
    return True


async def _take(worker: Worker, name: str, token: str) -> bool:
    """Whether the task is ours. A lock only spares work: without Redis a task may go on."""
    try:
        return await locks.take(worker.redis, worker.prefix, f"task-{name}", token, LOCK_MS)
    except RedisUnavailable:
        return True


async def _free(worker: Worker, name: str, token: str) -> None:
    try:
        await locks.free(worker.redis, worker.prefix, f"task-{name}", token)
    except RedisUnavailable as error:
        logs.log("lock_kept", level="warning", task=name, error=str(error))
