"""A tick: the task it names, unless another run of it goes on or its time slot had one.

PingSource ids are new at every fire and a missed tick is lost (knative/eventing docs,
PingSource), so a task works off all that is due and never counts ticks.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Literal

from common.event_function import Worker
from common.events.receive import Event, MalformedEvent, data_as
from common.events.types import CRON_TASK, CronTask
from common.identifiers import now_ms
from common.telemetry import catalogue, logs
from functions.cleanup.lease import leased, slot_of
from functions.cleanup.tasks import (
    account_health,
    jobs,
    key_expiry,
    leases,
    notifications,
    outbox,
    partitions,
    projection,
    reconcile,
    retention,
)
from functions.cleanup.turn import Turn

Task = Callable[[Worker, Turn], Awaitable[dict[str, int]]]

# Each may run twice, and may be missed once.
TASKS: dict[str, Task] = {
    "account_health": account_health.run,
    "jobs": jobs.run,
    "key_expiry": key_expiry.run,
    "leases": leases.run,
    "notifications": notifications.run,
    "outbox": outbox.run,
    "partitions": partitions.run,
    "projection": projection.run,
    "reconcile": reconcile.run,
    "retention": retention.run,
}

Outcome = Literal["done", "busy", "repeated"]


async def run_task(worker: Worker, event: Event) -> None:
    """Run the task of a tick. Raises `MalformedEvent` and what means that a store is away."""
    if event.type != CRON_TASK:
        raise MalformedEvent(f"type is {event.type!r}: {CRON_TASK!r} belongs here")
    name = data_as(event, CronTask).task
    if name not in TASKS:
        raise MalformedEvent(f"no task is named {name[:40]!r}: there are {', '.join(TASKS)}")
    await perform(worker, name, Turn(now_ms()), slot_of(event.time))


async def perform(worker: Worker, name: str, turn: Turn, slot: str = "") -> Outcome:
    """Run a task of `TASKS` unless another run of it goes on, or its slot had one (`lease.py`).

    Without a slot only the first counts. What was done stands in `turn.done`. Raises what means
    that a store is away.
    """
    if turn.dry_run:
        await TASKS[name](worker, turn)
        return "done"
    async with leased(worker, name, slot, turn) as share:
        if share != "ours":
            catalogue.TASK_RUNS.increment(task=name, result=share)
            logs.log("task_left", task=name, slot=slot, reason=share)
            return share
        started = time.monotonic()
        try:
            done = await TASKS[name](worker, turn)
        except Exception:
            catalogue.TASK_RUNS.increment(task=name, result="failed")
            raise
        catalogue.TASK_RUNS.increment(task=name, result="done")
        duration_ms = int((time.monotonic() - started) * 1000)
        logs.log("task", task=name, slot=slot, duration_ms=duration_ms, done=done)
    return "done"
