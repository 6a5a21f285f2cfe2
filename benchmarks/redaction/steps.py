"""How long redaction keeps the event loop busy at a time: `python -m benchmarks.redaction.steps`.

Of each body the longest piece of work between two yields, in CPU time of its thread, and how long
another task of the same loop waited at most, as `relay` runs the steps.
"""

import argparse
import asyncio
import time
from collections.abc import Generator

from benchmarks.redaction.bodies import BODIES
from common.redaction.entities import GROUPS
from common.redaction.placeholders import Placeholders
from common.redaction.planned import scanner
from common.redaction.policy import plan, read_policy
from common.redaction.redacting import Outcome, redact
from common.redaction.shapes import REQUESTS
from functions.relay.stepping import in_steps, without_full_collections

MEGABYTE = 1_000_000
REGIONS = ["US", "GB", "DE", "FR"]


def work(name: str, size: int) -> Generator[None, None, Outcome]:
    """The whole redaction of one of the bodies, every entity masked."""
    endpoint, body = BODIES[name]
    policy = {"entities": dict.fromkeys(GROUPS, "mask"), "regions": REGIONS}
    made = plan(read_policy(policy))
    return redact(
        body(size), REQUESTS[endpoint], scanner(made), made, Placeholders(b"k" * 32, "tenant")
    )


def longest_step_ms(name: str, size: int) -> tuple[float, int]:
    """CPU time of the longest step, and how many values were found."""
    steps, longest = work(name, size), 0
    with without_full_collections():
        while True:
            began = time.thread_time_ns()
            try:
                next(steps)
            except StopIteration as stop:
                longest = max(longest, time.thread_time_ns() - began)
                return longest / 1e6, sum(stop.value.counts.values())
            longest = max(longest, time.thread_time_ns() - began)


async def _longest_wait_ms(name: str, size: int) -> float:
    """How long a task of the same loop waited at most, in CPU time of the thread they share."""
    longest = 0

    async def others() -> None:
        nonlocal longest
        before = time.thread_time_ns()
        while True:
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time_ns() - before)
            before = time.thread_time_ns()

    steps = work(name, size)
    waiting = asyncio.create_task(others())
    await asyncio.sleep(0)
    await in_steps(steps)
    await asyncio.sleep(0)
    waiting.cancel()
    return longest / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redaction.steps")
    parser.add_argument("--size", type=int, default=MEGABYTE)
    parser.add_argument("--times", type=int, default=3, help="the best of so many runs counts")
    arguments = parser.parse_args()
    print("| 1 MB of | found | longest step, ms | others waited at most, ms |\n|---|---|---|---|")
    for name in BODIES:
        runs = [longest_step_ms(name, arguments.size) for _ in range(arguments.times)]
        waits = [
            asyncio.run(_longest_wait_ms(name, arguments.size)) for _ in range(arguments.times)
        ]
        print(f"| {name} | {runs[0][1]:,} | {min(runs)[0]:.0f} | {min(waits):.0f} |", flush=True)


if __name__ == "__main__":
    main()
