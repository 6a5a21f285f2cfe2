"""Jobs through relay for tests: what is made, what is reserved for them, the task that settles."""

import asyncio
from typing import Any

import redis

from common.event_function import Worker
from common.identifiers import now_ms
from common.settings import BuiltInAccount, WorkerSettings
from functions.cleanup.tasks import jobs as task
from functions.cleanup.turn import Turn
from tests.support.processes import INTERNAL_SECRET
from tests.support.relay_process import (
    ANTHROPIC_CREDENTIAL,
    NO_DATABASE,
    OPENAI_CREDENTIAL,
    PREFIX,
    RelayProcess,
    run,
)

FAULT = "x-echo-fault"
# Later than any first look at a job that was made just now.
SOON_MS = 60_000


def settings_for(relay: RelayProcess, provider_url: str) -> WorkerSettings:
    """The settings of a `cleanup` beside this relay."""
    return WorkerSettings(
        redis_url=relay.redis.url,
        database_url=NO_DATABASE,
        state_prefix=PREFIX,
        internal_secret=INTERNAL_SECRET,
        log_level="info",
        accounts=(
            BuiltInAccount("openai", f"{provider_url}/v1", OPENAI_CREDENTIAL),
            BuiltInAccount("anthropic", provider_url, ANTHROPIC_CREDENTIAL),
        ),
    )


def look(relay: RelayProcess, provider_url: str, *, times: int = 1, **turn: Any) -> dict[str, int]:
    """So many turns of the task at once, each of a process of its own; sums of what they did."""

    async def looked() -> list[dict[str, int]]:
        workers = [Worker(settings_for(relay, provider_url)) for _ in range(times)]
        try:
            turns = [Turn(now_ms() + SOON_MS, **turn) for _ in workers]
            return await asyncio.gather(*map(task.run, workers, turns))
        finally:
            for worker in workers:
                await worker.stop()

    done = run(looked())
    return {name: sum(each[name] for each in done) for name in done[0]}


def money(relay: RelayProcess) -> tuple[int, int]:
    """What the only counter of money has spent and reserved, in nano-USD."""
    with redis.Redis.from_url(relay.redis.url) as client:
        (name,) = client.keys(f"{PREFIX}:money:*")
        sums = client.hgetall(name)
        return int(sums.get(b"s", 0)), int(sums.get(b"r", 0))


def open_jobs(relay: RelayProcess) -> int:
    """How many jobs are open; each has its place in the queue."""
    with redis.Redis.from_url(relay.redis.url) as client:
        count = client.hlen(f"{PREFIX}:jobs")
        assert client.zcard(f"{PREFIX}:jobs-due") == count
        return count
