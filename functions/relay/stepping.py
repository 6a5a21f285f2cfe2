"""Long work in small steps, with the event loop free between them."""

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable, Generator, Hashable, Iterator
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")

# So long others may wait for a piece of work; one step of redaction may come on top.
SLICE_NS = 2_000_000


# How many pieces of long work are under way, and the collector's thresholds without any.
_long = 0
_thresholds = (0, 0, 0)
# So that the oldest generation is never full.
_NEVER = 1_000_000


async def in_steps(work: Generator[None, None, Result]) -> Result:
    """The result of work that yields after each piece; short work is done at once."""
    with contextlib.ExitStack() as stack:
        began_ns, is_long = time.perf_counter_ns(), False
        while True:
            try:
                next(work)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            if time.perf_counter_ns() - began_ns >= SLICE_NS:
                if not is_long:
                    is_long = True
                    stack.enter_context(without_full_collections())
                await asyncio.sleep(0)
                began_ns = time.perf_counter_ns()


async def made_once(kept: dict[Any, Any], name: Hashable, make: Callable[[], Result]) -> Result:
    """What `make` gives in a thread; once for all who want it, now or later. Raises as it does.

    Compiling a policy can take seconds: the loop is free meanwhile, and no request starts it again.
    """
    making: asyncio.Future[Result] | None = kept.get(name)
    if making is None:
        making = kept[name] = asyncio.ensure_future(asyncio.to_thread(make))
        making.add_done_callback(partial(_forget_failed, kept, name))
    return await asyncio.shield(making)


def _forget_failed(kept: dict[Any, Any], name: Hashable, made: "asyncio.Future[Any]") -> None:
    if made.cancelled() or made.exception() is not None:
        kept.pop(name, None)


@contextlib.contextmanager
def without_full_collections() -> Iterator[None]:
    """Put off the garbage collector's full round: it looks at all that long work has in hand.

    That takes longer than a step (50 ms for the places of 1 MB of tool calls), and finds nothing.
    Young objects are collected as ever.
    """
    global _long, _thresholds  # noqa: PLW0603 - the collector is one per process
    if not _long:
        _thresholds = gc.get_threshold()
        gc.set_threshold(_thresholds[0], _thresholds[1], _NEVER)
    _long += 1
    try:
        yield
    finally:
        _long -= 1
        if not _long:
            gc.set_threshold(*_thresholds)
