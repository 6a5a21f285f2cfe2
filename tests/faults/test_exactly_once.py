"""Whatever dies, each admitted request is in the ledger exactly once, and no budget is overshot.

The whole local stack runs; its parts are killed, its events doubled and shuffled, its broker
taken away. Callers have limits and budgets on every level; one key's budget ends under the load.
"""

import asyncio
import random
import signal
import time

import httpx
import psycopg
import pytest

from tests.support.dev_stack import DevStack
from tests.support.load import run_mixed
from tests.support.witnesses import Witness

CONCURRENCY = 50
QUICK_AND_WHOLE = pytest.mark.parametrize(
    "count", [300, pytest.param(1000, marks=pytest.mark.soak)]
)


@pytest.mark.parametrize("count", [500, pytest.param(1000, marks=pytest.mark.soak)])
def test_mixed_traffic_is_in_the_ledger_once(stack, count):
    witness, keys = Witness(stack), stack.limited_keys()
    seen = asyncio.run(run_mixed([stack.url], keys, count, CONCURRENCY))
    statuses = witness.check(nothing_died=True)
    assert statuses["ok"] >= 0.3 * count
    assert statuses["cancelled"] > 0
    assert statuses["error"] > 0
    assert statuses["interrupted"] == 0
    assert len(seen.whole) >= 0.7 * count
    # Refused for money that is reserved or spent; nothing of these is in the ledger.
    assert seen.statuses[429] + seen.statuses[402] > 0


@QUICK_AND_WHOLE
def test_events_doubled_and_shuffled_change_nothing(stack, count):
    broker = f"http://127.0.0.1:{stack.processes['broker']['port']}"
    witness, keys = Witness(stack), stack.limited_keys()
    httpx.put(f"{broker}/faults", json={"duplicate": 2, "shuffle_ms": 500}).raise_for_status()
    try:
        asyncio.run(run_mixed([stack.url], keys, count, CONCURRENCY))
        assert witness.check(nothing_died=True)["ok"] > 90
    finally:
        httpx.put(f"{broker}/faults", json={}).raise_for_status()


@pytest.mark.timeout(300)
@QUICK_AND_WHOLE
def test_relay_killed_at_random_moments(stack, count):
    witness, keys = Witness(stack), stack.limited_keys()

    async def load_and_kill():
        load = asyncio.create_task(run_mixed([stack.url], keys, 2 * count, CONCURRENCY))
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
    witness.check()


@pytest.mark.timeout(300)
@QUICK_AND_WHOLE
def test_aggregation_killed_at_random_moments(stack, count):
    witness, keys = Witness(stack), stack.limited_keys()

    async def load_and_kill():
        load = asyncio.create_task(run_mixed([stack.url], keys, count, CONCURRENCY))
        moments = random.Random(11)
        while not load.done():
            await asyncio.sleep(moments.uniform(0.2, 0.8))
            if not load.done():
                stack.signal("usage_aggregation", signal.SIGKILL)
        await load

    asyncio.run(load_and_kill())
    witness.check()


@pytest.mark.timeout(300)
def test_aggregation_killed_in_mid_transaction(stack):
    """The rows are written and not committed: a lock on the sums holds it there."""
    witness, keys = Witness(stack), stack.limited_keys()
    database = stack.processes["postgres"]["url"]
    with psycopg.connect(database) as holder, psycopg.connect(database, autocommit=True) as watch:
        holder.execute("LOCK TABLE usage_rollups IN ACCESS EXCLUSIVE MODE")
        rows = watch.execute("SELECT count(*) FROM ledger").fetchone()[0]
        asyncio.run(run_mixed([stack.url], keys, 100, CONCURRENCY))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
        end = time.monotonic() + 30
        while not watch.execute(waiting, ["usage_rollups"]).fetchone()[0]:
            assert time.monotonic() < end, "aggregation never came as far as the sums"
            time.sleep(0.05)
        stack.signal("usage_aggregation", signal.SIGKILL)
        assert watch.execute("SELECT count(*) FROM ledger").fetchone()[0] == rows
        holder.rollback()
    witness.check(nothing_died=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("count", "away_s"), [(200, 0), pytest.param(1000, 120, marks=pytest.mark.soak)]
)
def test_the_broker_away(stack, count, away_s):
    witness, keys = Witness(stack), stack.limited_keys()
    stack.signal("broker", signal.SIGSTOP)
    end = time.monotonic() + away_s
    try:
        asyncio.run(run_mixed([stack.url], keys, count, CONCURRENCY))
        time.sleep(max(0.0, end - time.monotonic()))
        with stack.redis() as connection:
            assert connection.xlen("{relay}:outbox") > 0
    finally:
        stack.signal("broker", signal.SIGCONT)
    witness.check(nothing_died=True)


@pytest.mark.timeout(300)
def test_a_restart_on_the_same_state_keeps_everything(tmp_path):
    with DevStack(tmp_path / "state") as stack:
        key = stack.create_key()
        stack.signal("broker", signal.SIGSTOP)
        asyncio.run(run_mixed([stack.url], [key], 50, 10))
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
