"""Long work in small steps, with the event loop free between them."""

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")

# So long others may wait for a piece of work; one step of redaction may come on top.
SLICE_NS = 5_000_000


async def in_steps(work: Generator[None, None, Result]) -> Result:
    """The result of work that yields after each piece; short work is done at once."""
    began_ns = time.perf_counter_ns()
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: Result = stop.value
            return result
        if time.perf_counter_ns() - began_ns >= SLICE_NS:
            await asyncio.sleep(0)
            began_ns = time.perf_counter_ns()
