"""Calls a second and CPU a call of relay's Redis connection, relative to redis.asyncio.

    python -m benchmarks.redis_connection [--url redis://…] [--seconds 2]

Both run in this process, in turns, against the same server, with the same script: only the ratio
between them means something. Without --url a server of our own is started.
"""

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from common.state.client import RedisPyCommands
from common.state.commands import Script
from common.state.connection import MultiplexedConnection

KEYS = [f"{{relay}}:benchmark:{number}" for number in range(7)]
ARGUMENTS = ["01J8ZQ5W3V5KQ2Y7N4X0B6C9D1", 1, 2, 3, 4, 5, 6, 7, "x" * 200]
SCRIPT = Script("benchmark", "redis.call('INCR', KEYS[1]) return {'admitted', 0}")
TURNS = 3

Call = Callable[[], Awaitable[object]]


@contextlib.contextmanager
def server(url: str | None) -> Iterator[str]:
    """The given server, or one that lives as long as the benchmark."""
    if url is not None:
        yield url
        return
    from tests.support.servers import RedisServer

    with tempfile.TemporaryDirectory() as directory, RedisServer(Path(directory)) as own:
        yield own.url


async def measure(call: Call, concurrency: int, seconds: float) -> tuple[float, float]:
    """Calls a second, and microseconds of this process's CPU a call."""
    await call()
    count = 0
    ends = time.perf_counter() + seconds

    async def caller() -> None:
        nonlocal count
        while time.perf_counter() < ends:
            await call()
            count += 1

    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*[caller() for _ in range(concurrency)])
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    return count / took, cpu / count * 1e6


async def compare(url: str, seconds: float) -> None:
    import redis.asyncio

    multiplexed = MultiplexedConnection.from_url(url)
    pooled = RedisPyCommands.from_url(url)
    plain = redis.asyncio.Redis.from_url(url, max_connections=256)
    await multiplexed.script(SCRIPT, KEYS, ARGUMENTS)
    calls: dict[str, Call] = {
        "redis.asyncio": lambda: plain.evalsha(SCRIPT.sha, len(KEYS), *KEYS, *ARGUMENTS),
        "RedisPyCommands": lambda: pooled.script(SCRIPT, KEYS, ARGUMENTS),
        "MultiplexedConnection": lambda: multiplexed.script(SCRIPT, KEYS, ARGUMENTS),
    }
    print(f"{'at once':>8} {'client':22} {'calls/s':>9} {'CPU us':>7} {'x redis.asyncio':>16}")
    for concurrency in (1, 16, 64, 256):
        best: dict[str, tuple[float, float]] = dict.fromkeys(calls, (0.0, 0.0))
        for _ in range(TURNS):
            for name, call in calls.items():
                measured = await measure(call, concurrency, seconds / TURNS)
                best[name] = max(best[name], measured)
        for name, (rate, cpu) in best.items():
            ratio = rate / best["redis.asyncio"][0]
            print(f"{concurrency:>8} {name:22} {rate:>9.0f} {cpu:>7.1f} {ratio:>15.1f}x")
    await multiplexed.close()
    await pooled.close()
    await plain.aclose()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--url", help="a Redis to use instead of one of our own")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line (default 2)")
    options = parser.parse_args(arguments)
    with server(options.url) as url:
        asyncio.run(compare(url, options.seconds))


if __name__ == "__main__":
    main()
