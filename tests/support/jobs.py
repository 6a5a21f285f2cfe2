"""Jobs through relay for tests: what is made, what is reserved for them, the task that settles."""

import asyncio
from typing import Any

import redis

from common.domain.credentials import Credential
from common.domain.money import pico_from_usd
from common.domain.policies import Budget, Limits, Policy
from common.environment_accounts import BuiltInAccount
from common.event_function import Worker
from common.identifiers import now_ms
from common.settings import WorkerSettings
from functions.cleanup.tasks import jobs as task
from functions.cleanup.turn import Turn
from tests.support.processes import INTERNAL_SECRET
from tests.support.relay_process import (
    ANTHROPIC_CREDENTIAL,
    MESSAGES,
    NO_DATABASE,
    OPENAI_CREDENTIAL,
    PREFIX,
    RelayProcess,
    run,
)

FAULT = "x-echo-fault"
RESPONSES, BATCHES = "/v1/responses", f"{MESSAGES}/batches"
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
            BuiltInAccount("openai", f"{provider_url}/v1", Credential(api_key=OPENAI_CREDENTIAL)),
            BuiltInAccount("anthropic", provider_url, Credential(api_key=ANTHROPIC_CREDENTIAL)),
        ),
    )


def look(
    relay: RelayProcess, provider_url: str, *, times: int = 1, after_ms: int = SOON_MS, **turn: Any
) -> dict[str, int]:
    """So many turns of the task at once, each of a process of its own; sums of what they did.

    They take the time for `after_ms` later than it is.
    """

    async def looked() -> list[dict[str, int]]:
        workers = [Worker(settings_for(relay, provider_url)) for _ in range(times)]
        try:
            turns = [Turn(now_ms() + after_ms, **turn) for _ in workers]
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
        both = client.pipeline(transaction=True)  # relay may write between two looks
        both.hlen(f"{PREFIX}:jobs").zcard(f"{PREFIX}:jobs-due")
        jobs, due = both.execute()
        assert jobs == due
        return jobs


def budgeted(relay, usd="1", policy="clamp", **limits):
    budget = Budget("total", usd, policy)
    return relay.project_key(policy=Policy(Limits(**limits), (budget,)))


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def begin(relay, key, fault="", timeout=30, **members):
    """A response in the background."""
    body = {"model": "gpt-4o-mini", "input": "a b c", "background": True} | members
    headers = bearer(key) | {FAULT: fault}
    return relay.client.post(RESPONSES, json=body, headers=headers, timeout=timeout)


def begin_batch(relay, key, fault="", timeout=30, count=3, **params):
    message = {"role": "user", "content": "one two three four"}
    asked = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [message]} | params
    body = {"requests": [{"custom_id": f"r{n}", "params": asked} for n in range(count)]}
    headers = bearer(key) | {FAULT: fault}
    return relay.client.post(BATCHES, json=body, headers=headers, timeout=timeout)


def show(relay, key, answer, method="GET", rest=""):
    path = f"{answer.request.url.path}/{answer.json()['id']}{rest}"
    return relay.client.request(method, path, headers=bearer(key))


def nano(record):
    return -(-pico_from_usd(record.cost_usd) // 1000)


def check_settled(relay, answer, tokens, *, status="ok"):
    """One record, its cost spent, nothing reserved, nothing open."""
    record = relay.record(answer.headers["x-request-id"])
    assert (record.status, record.usage_source) == (status, "reported")
    assert (record.tokens.input, record.tokens.output) == tokens
    assert money(relay) == (nano(record), 0)
    assert relay.open_leases() == (0, 0)
    assert open_jobs(relay) == 0
    assert len(relay.records()) == 1
    return record
