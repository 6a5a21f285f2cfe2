"""Whose turn a task is: never two runs of it at a time, however long one takes."""

import asyncio

import pytest

from common.state import locks
from functions.cleanup import lease
from functions.cleanup.run import TASKS, perform
from functions.cleanup.turn import Turn
from tests.support.cleanup_scenes import Scene
from tests.support.event_worker import PREFIX, EventWorker

SLOT = "2026-11-24T02:10Z"
NEXT_SLOT = "2026-11-24T02:20Z"


@pytest.fixture
async def scene(postgres_url, redis_url, tmp_path):
    target = "functions.cleanup.main:application"
    scene = Scene(EventWorker(target, tmp_path, postgres_url, redis_url), redis_url)
    yield scene
    await scene.close()


class LongTask:
    """A task that goes on until it is let go; counts its runs."""

    def __init__(self):
        self.runs = 0
        self.goes_on = asyncio.Event()
        self.may_end = asyncio.Event()

    async def run(self, worker, turn):
        del worker
        self.runs += 1
        self.goes_on.set()
        while not turn.over and not self.may_end.is_set():  # noqa: ASYNC110 - either of two
            await asyncio.sleep(0.01)
        return turn.done


@pytest.fixture
def long_task(monkeypatch):
    task = LongTask()
    monkeypatch.setitem(TASKS, "outbox", task.run)
    monkeypatch.setattr(lease, "LEASE_MS", 400)
    monkeypatch.setattr(lease, "RENEW_EVERY_S", 0.05)
    monkeypatch.setattr(lease, "LOOK_EVERY_S", 0.08)
    return task


async def test_the_next_slot_and_a_run_by_hand_never_overlap_one_that_takes_long(scene, long_task):
    first = asyncio.create_task(perform(scene.worker(), "outbox", Turn(0), SLOT))
    await long_task.goes_on.wait()
    await asyncio.sleep(lease.LEASE_MS * 2 / 1000)
    for slot in (SLOT, NEXT_SLOT, ""):
        assert await perform(scene.worker(), "outbox", Turn(0), slot) == "busy"
    assert long_task.runs == 1
    long_task.may_end.set()
    assert await first == "done"
    assert await perform(scene.worker(), "outbox", Turn(0), SLOT) == "repeated"
    # By hand it always runs, once nobody else is at it, and takes no slot.
    for slot in ("", "", NEXT_SLOT):
        assert await perform(scene.worker(), "outbox", Turn(0), slot) == "done"
    assert long_task.runs == 4


async def test_a_run_that_lost_its_lease_stops_and_its_slot_is_taken_again(scene, long_task):
    turn = Turn(0)
    first = asyncio.create_task(perform(scene.worker(), "outbox", turn, SLOT))
    await long_task.goes_on.wait()
    await scene.function.commands.call("SET", f"{PREFIX}:lock:task-outbox", "other", "PX", 300)
    await first
    assert turn.stopped
    long_task.may_end.set()
    assert await perform(scene.worker(), "outbox", Turn(0), SLOT) == "done"
    assert long_task.runs == 2


async def test_a_run_that_redis_leaves_alone_stops_when_its_lease_is_over(
    scene, long_task, redis_server
):
    turn = Turn(0)
    first = asyncio.create_task(perform(scene.worker(), "outbox", turn, SLOT))
    await long_task.goes_on.wait()
    redis_server.stop()
    await first
    assert turn.stopped


async def test_a_lease_that_ended_meanwhile_is_not_renewed(scene):
    commands = scene.function.commands
    assert not await locks.renew(commands, PREFIX, "task-outbox", "mine", 1000)
    assert await locks.held_for_ms(commands, PREFIX, "task-outbox") == -2
