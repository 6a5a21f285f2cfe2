"""Whatever dies, each admitted request is in the ledger exactly once.

The whole local stack runs; its parts are killed, its events doubled and shuffled, its broker
taken away. What was admitted is known from two witnesses: the provider's own list of what
it was asked, and relay's log.
"""

import asyncio
import json
import random
import signal
import time
from collections import Counter

import httpx
import psycopg
import pytest

from tests.support.dev_stack import DevStack
from tests.support.load import run_mixed

CONCURRENCY = 50
QUICK_AND_WHOLE = pytest.mark.parametrize(
    "count", [300, pytest.param(1000, marks=pytest.mark.soak)]
)


@pytest.fixture
def stack(tmp_path):
    with DevStack(tmp_path / "state") as stack:
        yield stack


def witnessed(stack: DevStack) -> set[str]:
    """Ids that were surely admitted: asked of the provider, or logged as admitted."""
    asked = {row["request_id"] for row in provider_requests(stack)}
    logged = set()
    for line in (stack.state / "logs" / "relay.log").read_text(errors="replace").splitlines():
        if '"admitted":true' in line:
            logged.add(json.loads(line[line.index("{") :])["request_id"])
    return asked | logged


def provider_requests(stack: DevStack) -> list[dict]:
    answer = httpx.get(stack.processes["echo_provider"]["url"] + "/echo/requests", timeout=30)
    return answer.json()["requests"]


def check_ledger(stack: DevStack, *, nothing_died: bool = False) -> Counter:
    """The promise itself; returns how often each status was posted.

    With `nothing_died` every request that the provider completed has the provider's own figures.
    """
    stack.wait_until_settled()
    rows = stack.ledger()
    usage = [row for row in rows if row["kind"] == "usage"]
    ids = Counter(stack_id(row["id"]) for row in usage)
    assert max(ids.values()) == 1
    admitted = witnessed(stack)
    assert admitted - set(ids) == set(), "admitted and not in the ledger"
    unknown = [row for row in usage if stack_id(row["id"]) not in admitted]
    # Admitted, then killed before the provider was asked: only the lease knew of it.
    assert {row["status"] for row in unknown} <= {"interrupted", "cancelled", "error"}
    check_tokens(stack, rows, all_reported=nothing_died)
    check_totals(stack, rows)
    return Counter(row["status"] for row in usage)


def check_tokens(stack: DevStack, rows: list[dict], *, all_reported: bool) -> None:
    """Tokens as the provider counted them, where it completed and its figures reached relay."""
    sums: dict[str, Counter] = {}
    for row in rows:
        request_id = stack_id(row["adjusts"] or row["id"])
        sums.setdefault(request_id, Counter()).update(
            input=row["input"], output=row["output"], reported=row["usage_source"] == "reported"
        )
    compared = 0
    for asked in provider_requests(stack):
        found = sums[asked["request_id"]]
        if asked["completed"] and (found["reported"] or all_reported):
            compared += 1
            assert (found["input"], found["output"]) == (
                asked["input_tokens"],
                asked["output_tokens"],
            ), asked
    assert compared > 0


def check_totals(stack: DevStack, rows: list[dict]) -> None:
    total = stack.admin("/internal/usage", group_by="model")["total"]
    assert total["requests"] == sum(row["kind"] == "usage" for row in rows)


def stack_id(value) -> str:
    from common.domain.ids import uuid_to_ulid

    return uuid_to_ulid(value)


def test_mixed_traffic_is_in_the_ledger_once(stack):
    key = stack.create_key()
    seen = asyncio.run(run_mixed(stack.url, key, 1000, CONCURRENCY))
    statuses = check_ledger(stack, nothing_died=True)
    assert statuses["ok"] >= 400
    assert statuses["cancelled"] > 0
    assert statuses["error"] > 0
    assert statuses["interrupted"] == 0
    # Who got a whole good answer was admitted, and the answer's id is the record's.
    assert len(seen.whole) >= 700


@QUICK_AND_WHOLE
def test_events_doubled_and_shuffled_change_nothing(stack, count):
    broker = f"http://127.0.0.1:{stack.processes['broker']['port']}"
    httpx.put(f"{broker}/faults", json={"duplicate": 2, "shuffle_ms": 500}).raise_for_status()
    key = stack.create_key()
    asyncio.run(run_mixed(stack.url, key, count, CONCURRENCY))
    assert check_ledger(stack, nothing_died=True)["ok"] > 100


@pytest.mark.timeout(300)
@QUICK_AND_WHOLE
def test_relay_killed_at_random_moments(stack, count):
    key = stack.create_key()

    async def load_and_kill():
        load = asyncio.create_task(run_mixed(stack.url, key, 2 * count, CONCURRENCY))
        moments = random.Random(7)
        kills = 0
        while not load.done():
            await asyncio.sleep(moments.uniform(0.4, 1.5))
            if not load.done() and kills < 5:
                kills += 1
                stack.signal("relay", signal.SIGKILL)
        return await load, kills

    _, kills = asyncio.run(load_and_kill())
    assert kills > 0
    check_ledger(stack)


@pytest.mark.timeout(300)
@QUICK_AND_WHOLE
def test_aggregation_killed_at_random_moments(stack, count):
    key = stack.create_key()

    async def load_and_kill():
        load = asyncio.create_task(run_mixed(stack.url, key, count, CONCURRENCY))
        moments = random.Random(11)
        while not load.done():
            await asyncio.sleep(moments.uniform(0.2, 0.8))
            if not load.done():
                stack.signal("usage_aggregation", signal.SIGKILL)
        await load

    asyncio.run(load_and_kill())
    check_ledger(stack)


@pytest.mark.timeout(300)
def test_aggregation_killed_in_mid_transaction(stack):
    """The rows are written and not committed: a lock on the sums holds it there."""
    key = stack.create_key()
    database = stack.processes["postgres"]["url"]
    with psycopg.connect(database) as holder, psycopg.connect(database, autocommit=True) as watch:
        holder.execute("LOCK TABLE usage_rollups IN ACCESS EXCLUSIVE MODE")
        asyncio.run(run_mixed(stack.url, key, 100, CONCURRENCY))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
        end = time.monotonic() + 30
        while not watch.execute(waiting, ["usage_rollups"]).fetchone()[0]:
            assert time.monotonic() < end, "aggregation never came as far as the sums"
            time.sleep(0.05)
        stack.signal("usage_aggregation", signal.SIGKILL)
        assert watch.execute("SELECT count(*) FROM ledger").fetchone()[0] == 0
        holder.rollback()
    check_ledger(stack, nothing_died=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("count", "away_s"), [(200, 0), pytest.param(1000, 60, marks=pytest.mark.soak)]
)
def test_the_broker_away(stack, count, away_s):
    key = stack.create_key()
    stack.signal("broker", signal.SIGSTOP)
    end = time.monotonic() + away_s
    try:
        asyncio.run(run_mixed(stack.url, key, count, CONCURRENCY))
        time.sleep(max(0.0, end - time.monotonic()))
        with stack.redis() as connection:
            assert connection.xlen("{relay}:outbox") > 0
    finally:
        stack.signal("broker", signal.SIGCONT)
    check_ledger(stack, nothing_died=True)


@pytest.mark.timeout(300)
def test_a_restart_on_the_same_state_keeps_everything(stack):
    key = stack.create_key()
    stack.signal("broker", signal.SIGSTOP)
    asyncio.run(run_mixed(stack.url, key, 50, 10))
    stack.signal("broker", signal.SIGCONT)
    stack.stop()
    stack.start()
    answer = httpx.post(
        f"{stack.url}/v1/chat/completions",
        headers={"authorization": f"Bearer {key}"},
        json={"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "still here"}]},
        timeout=30,
    )
    assert answer.status_code == 200
    stack.wait_until_settled()
    assert len(stack.ledger()) >= 40
