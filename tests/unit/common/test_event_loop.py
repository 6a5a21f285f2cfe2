"""The loop's selector: how often it asks the kernel, by its own count of the questions."""

import asyncio
import os
import selectors

from common import event_loop
from common.event_loop import PatientSelector, new_event_loop


def readable():
    """A pipe with something in it, and the selector that watches it."""
    reading, writing = os.pipe()
    os.write(writing, b"x")
    selector = PatientSelector()
    selector.register(reading, selectors.EVENT_READ)
    return selector, reading, writing


def test_while_there_is_work_it_asks_only_now_and_then(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(event_loop.time, "monotonic", lambda: now[0])
    selector, *ends = readable()
    try:
        assert selector.select(0)
        assert not selector.select(0)
        now[0] += event_loop.ASK_EVERY_S
        assert selector.select(0)
    finally:
        selector.close()
        for end in ends:
            os.close(end)


def test_without_work_it_asks_each_time():
    selector, *ends = readable()
    try:
        assert all(selector.select(timeout) for timeout in (0, None, 1, None))
    finally:
        selector.close()
        for end in ends:
            os.close(end)


def test_what_comes_is_not_starved_by_tasks_that_never_wait():
    async def main():
        loop = asyncio.get_running_loop()
        reading, writing = os.pipe()
        came = asyncio.Event()
        loop.add_reader(reading, came.set)
        os.write(writing, b"x")
        async with asyncio.timeout(10):
            while not came.is_set():  # noqa: ASYNC110 - it is what the test is about
                await asyncio.sleep(0)
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main())
