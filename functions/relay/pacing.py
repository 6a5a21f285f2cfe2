"""Long work in the event loop, a little at a time."""

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")
# Others wait at most so long, and one piece of work, for their turn.
TURN_S = 0.004


async def paced(steps: Generator[None, None, Result]) -> Result:
    """Run the steps to their end; what else is ready runs between them."""
    began_s = time.perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: Result = ended.value
            return result
        if time.perf_counter() - began_s > TURN_S:
            await asyncio.sleep(0)
            began_s = time.perf_counter()
