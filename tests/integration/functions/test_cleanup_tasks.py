"""Every task: twice, two at once, killed in the middle, counted only; always the same end."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from cli.dev.ports import free_port
from common.domain.usage import encode
from common.events.types import CRON_TASK
from common.identifiers import now_ms
from common.posting import Posted, arrival_from_event, post
from common.projection import put_keys_ahead
from common.settings import Retention
from common.state.commands import RedisUnavailable
from common.store import keys, partitions
from functions.cleanup import tasks
from functions.cleanup.run import TASKS
from functions.cleanup.turn import Turn
from tests.support.cleanup_scenes import ENVIRONMENT, SEEDS, Scene
from tests.support.event_worker import PREFIX, EventWorker, is_empty_204
from tests.support.key_admin import MASTER_KEY
from tests.support.processes import ServedProcess
from tests.support.usage_records import EVENTS_KEY, make_record, signed, ulid_at

DAY_MS = 86_400_000
# Where a task stands when it is killed: it waits for this table.
DEATHS = [
    ("key_expiry", "api_key_secrets"),
    ("key_expiry", "audit"),
    ("notifications", "expiries_told"),
    ("outbox", "ledger"),
    ("outbox", "spend_totals"),
    ("partitions", "ledger_partitions"),
    ("partitions", "idempotent_replies"),
    ("projection", "changes"),
    ("projection", "api_key_secrets"),
    ("reconcile", "spend_totals"),
    ("reconcile", "counter_drifts"),
    ("retention", "ledger"),
    ("retention", "ledger_partitions"),
    ("retention", "usage_rollups"),
    ("retention", "dead_letters"),
]
# These stand in no table's way.
UNKILLED = {"account_health", "jobs", "leases"}


@pytest.fixture
async def scene(postgres_url, redis_url, tmp_path):
    target = "functions.cleanup.main:application"
    function = EventWorker(target, tmp_path, postgres_url, redis_url, **ENVIRONMENT)
    scene = Scene(function, redis_url)
    yield scene
    await scene.close()


async def tick(scene, task):
    return await scene.function.post(CRON_TASK, {"task": task})


async def run(scene, task, **options):
    turn = Turn(options.pop("at_ms", now_ms()), **options)
    return await TASKS[task](scene.worker(), turn)


def test_every_task_is_here():
    assert set(SEEDS) == set(TASKS) == {task for task, _ in DEATHS} | UNKILLED


@pytest.mark.parametrize("task", TASKS)
async def test_twice_is_as_once(scene, task):
    check = await SEEDS[task](scene)
    await run(scene, task)
    await check()
    state = await scene.state()
    again = await run(scene, task)
    assert await scene.state() == state
    assert sum(again.values()) == again.get("waiting", 0) == 0


@pytest.mark.parametrize("task", TASKS)
async def test_at_once_is_as_once(scene, task):
    """Without the lock, which only spares work."""
    check = await SEEDS[task](scene)
    done = await asyncio.gather(*(run(scene, task) for _ in range(4)))
    # What one leaves to another that is at it and dies is done the next time.
    done.append(await run(scene, task))
    await check()
    once = {"made": 5, "secrets_deleted": 1, "inserted": 3, "dead_letters": 1, "audit": 1}
    for name, count in once.items():
        if name in done[0]:
            assert sum(each[name] for each in done) == count


@pytest.mark.parametrize(("task", "table"), DEATHS)
async def test_killed_in_the_middle_is_as_once(scene, task, table):
    check = await SEEDS[task](scene)
    await scene.rest()
    scene.function.process.start()
    with psycopg.connect(scene.function.database_url) as holder:
        holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        ticking = asyncio.create_task(tick(scene, task))
        await until(lambda: scene.rows(WAITING))
        scene.function.process.kill()
        with pytest.raises(httpx.HTTPError):
            await ticking
        holder.rollback()
    await until(lambda: not scene.rows(CONNECTED))
    await after_the_lock(scene, task)
    await check()


async def test_killed_while_redis_says_nothing_is_as_once(scene, redis_server):
    check = await SEEDS["leases"](scene)
    scene.function.process.start()
    redis_server.pause()
    ticking = asyncio.create_task(tick(scene, "leases"))
    await asyncio.sleep(0.5)
    scene.function.process.kill()
    with pytest.raises(httpx.HTTPError):
        await ticking
    redis_server.resume()
    await after_the_lock(scene, "leases")
    await check()


async def test_killed_in_the_middle_of_a_providers_answer_is_as_once(scene):
    """The state of both jobs was read, of one half of its file of results."""
    check = await SEEDS["jobs"](scene)
    (provider,) = scene.providers
    provider.stalls = True
    scene.function.process.start()
    ticking = asyncio.create_task(tick(scene, "jobs"))
    await until(lambda: provider.stalled)
    scene.function.process.kill()
    with pytest.raises(httpx.HTTPError):
        await ticking
    provider.stalls = False
    await after_the_lock(scene, "jobs")
    await check()


CONNECTED = (
    "SELECT pid FROM pg_stat_activity "
    "WHERE application_name = 'relay' AND datname = current_database()"
)
WAITING = f"{CONNECTED} AND wait_event_type = 'Lock'"


# Of the fifteen seconds that a lease lasts.
LEASE_LEFT_MS = 300


async def after_the_lock(scene, task):
    """The lock of the dead one holds the task back, and then no longer."""
    scene.function.process.start()
    for lock in await scene.function.commands.call("KEYS", f"{PREFIX}:lock:*"):
        await scene.function.commands.call("PEXPIRE", lock, LEASE_LEFT_MS)
    assert is_empty_204(await tick(scene, task))
    locks = await scene.function.commands.call("KEYS", f"{PREFIX}:lock:*")
    if locks:
        await scene.function.commands.call("DEL", *locks)
    assert is_empty_204(await tick(scene, task))


async def until(there, within_s=60.0):
    end = time.monotonic() + within_s
    while not there():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("task", TASKS)
async def test_a_dry_run_changes_nothing_and_counts_what_is_then_done(scene, task):
    check = await SEEDS[task](scene)
    state = await scene.state()
    due = await run(scene, task, dry_run=True)
    assert await scene.state() == state
    assert sum(due.values()) > 0
    done = await run(scene, task)
    assert due == done
    await check()


async def test_a_dry_run_of_the_outbox_says_what_becomes_of_each_record(scene, monkeypatch):
    monkeypatch.setattr("common.posting.DRAIN_MAX", 3)
    monkeypatch.setattr(tasks.outbox, "DRAIN_MAX", 3)
    posted, twice, last = make_record(), make_record(), make_record()
    worker = scene.worker()
    arrivals = [arrival_from_event(signed(posted), EVENTS_KEY)]
    assert await post(worker.database, worker.outbox, arrivals) == Posted(inserted=1)
    too_old = make_record(id=ulid_at(datetime.now(UTC) - timedelta(days=400)))
    refused = make_record(occurred_at="noon")
    given = [posted, twice, too_old, twice, refused, last, twice]
    for number, record in enumerate([*map(encode, given), b"garbage"]):
        await scene.function.settle(record, now_ms() - 60_000 + number)
    await scene.function.settle(encode(make_record()), now_ms())
    state = await scene.state()
    due = await run(scene, "outbox", dry_run=True)
    assert due == {"inserted": 2, "duplicate": 3, "quarantined": 3, "waiting": 1}
    assert await scene.state() == state
    assert await run(scene, "outbox") == due


async def test_a_dry_run_is_bounded_as_the_run_is(scene, monkeypatch):
    monkeypatch.setattr(tasks.retention, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(tasks.retention, "ROWS_MAX", 6)
    monkeypatch.setattr(tasks.retention, "PARTITIONS_MAX", 2)
    old = datetime.now(UTC) - timedelta(days=400)
    async with scene.worker().database.transaction() as connection:
        await partitions.ensure(connection, int(old.timestamp() * 1000))
        await partitions.ensure(connection, now_ms())
    scene.execute(
        "INSERT INTO quarantine (fingerprint, reason, detail, record, received_at) "
        "SELECT n::text::bytea, '', '', '', now() - interval '1 year' "
        "FROM generate_series(1, 10) AS n"
    )
    for rows in 6, 4, 0:
        due = await run(scene, "retention", dry_run=True)
        assert (due["partitions"], due["quarantine"]) == (2, rows)
        assert await run(scene, "retention") == due


async def test_a_dry_run_stops_at_the_month_that_the_run_stops_at(scene):
    """A month whose row says that it ended, and whose table has records of today."""
    await SEEDS["retention"](scene)
    oldest = scene.rows("SELECT * FROM ledger_partitions ORDER BY since_id")[0]
    scene.execute("DELETE FROM ledger_partitions WHERE name = %s", oldest["name"])
    scene.execute(
        "UPDATE ledger_partitions SET since_id = %s, until_id = %s WHERE name = %s",
        *(oldest["since_id"], oldest["until_id"], f"ledger_{datetime.now(UTC):%Y_%m}"),
    )
    due = await run(scene, "retention", dry_run=True)
    assert (due["partitions"], due["audit"]) == (0, 1)
    assert await run(scene, "retention") == due


async def test_what_was_projected_ahead_of_a_commit_that_never_came_is_taken_back(scene):
    """key_admin died between the two."""
    worker = scene.worker()
    key_id = await scene.key("one")
    await run(scene, "projection")
    before = scene.rows("SELECT * FROM api_keys")
    async with worker.database.transaction() as connection:
        await keys.revoke(connection, key_id)
        revoked = await keys.projected(connection, key_id=key_id)
        await put_keys_ahead(worker.redis, PREFIX, revoked)
        state = await scene.state()
        # While it goes on nobody meddles with it.
        assert await run(scene, "projection") == {"rebuilt": 0, "replayed": 0}
        assert await scene.state() == state
        await connection.execute("ROLLBACK")
    assert scene.rows("SELECT * FROM api_keys") == before
    assert await scene.known("one") == b"revoked"
    due = await run(scene, "projection", dry_run=True)
    assert due == {"rebuilt": 0, "replayed": 1}
    assert await run(scene, "projection") == due
    assert await scene.known("one") == b"active"
    assert await run(scene, "projection") == {"rebuilt": 0, "replayed": 0}


@pytest.mark.parametrize("task", TASKS)
async def test_a_turn_that_is_over_ends_and_the_next_goes_on(scene, task):
    check = await SEEDS[task](scene)
    await run(scene, task, duration_s=0)
    await run(scene, task)
    await check()


async def test_rows_of_a_turn_are_bounded(scene, monkeypatch):
    monkeypatch.setattr(tasks.retention, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(tasks.retention, "ROWS_MAX", 6)
    scene.execute(
        "INSERT INTO quarantine (fingerprint, reason, detail, record, received_at) "
        "SELECT n::text::bytea, '', '', '', now() - interval '1 year' "
        "FROM generate_series(1, 10) AS n"
    )
    counts = [(await run(scene, "retention"))["quarantine"] for _ in range(3)]
    assert counts == [6, 4, 0]


async def test_while_the_ledger_is_read_for_long_it_stays_and_all_else_is_done(scene, monkeypatch):
    monkeypatch.setattr(tasks.retention, "LOCK_TRIES_MAX", 2)
    monkeypatch.setattr(tasks.retention, "LOCK_PAUSE_S", 0.1)
    check = await SEEDS["retention"](scene)
    with psycopg.connect(scene.function.database_url) as reader:
        reader.execute("SELECT count(*) FROM ledger")
        done = await run(scene, "retention")
        assert (done["partitions"], done["partitions_busy"]) == (0, 1)
        assert done["audit"] == done["dead_letters"] == 1
    assert (await run(scene, "retention"))["partitions"] > 0
    await check()


async def test_without_redis_no_secret_is_deleted(scene, redis_server):
    await SEEDS["key_expiry"](scene)
    before = scene.rows("SELECT * FROM api_key_secrets ORDER BY hash")
    redis_server.stop()
    with pytest.raises(RedisUnavailable):
        await run(scene, "key_expiry")
    assert scene.rows("SELECT * FROM api_key_secrets ORDER BY hash") == before
    assert scene.rows("SELECT * FROM audit") == []


async def test_by_default_only_what_has_a_default_age_goes(scene):
    await SEEDS["retention"](scene)
    done = await TASKS["retention"](scene.worker(Retention()), Turn(now_ms()))
    assert {name for name, count in done.items() if count} == {
        *("quarantine", "dead_letters", "idempotent_replies"),
    }


@contextlib.contextmanager
def usage_of(scene, tmp_path):
    """What key_admin says of all usage, whenever it is asked."""
    environment = scene.function.environment | {"PROXY_MASTER_KEY": MASTER_KEY}
    target = "functions.key_admin.main:application"
    served = ServedProcess(target, free_port(), tmp_path / "key_admin.log", **environment)
    served.start()

    def ask():
        answer = httpx.get(
            f"http://127.0.0.1:{served.port}/internal/usage",
            headers={"authorization": f"Bearer {MASTER_KEY}"},
            params={"group_by": "month"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    try:
        yield ask
    finally:
        served.kill()


async def test_no_sum_changes_by_retention_nor_by_a_record_that_comes_after_it(scene, tmp_path):
    worker = scene.worker(Retention(ledger_days=30))
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = month - timedelta(hours=1)
    async with worker.database.transaction() as connection:
        await partitions.ensure(connection, now_ms())
    records = [make_record(id=ulid_at(last)), make_record()]
    given = [signed(record) for record in records]
    arrivals = [arrival_from_event(one, EVENTS_KEY) for one in given]
    assert await post(worker.database, worker.outbox, arrivals) == Posted(inserted=2)
    totals = "SELECT * FROM spend_totals ORDER BY scope, period"
    rollups = "SELECT * FROM usage_rollups ORDER BY since"
    with usage_of(scene, tmp_path) as usage:
        before = (usage(), scene.rows(totals), scene.rows(rollups))
        assert before[0]["items"]
        done = await TASKS["retention"](worker, Turn(now_ms() + 31 * DAY_MS))
        assert done["partitions"] >= 1
        assert f"ledger_{last:%Y_%m}" not in scene.attached()
        assert (usage(), scene.rows(totals), scene.rows(rollups)) == before
        replayed = await post(worker.database, worker.outbox, arrivals[:1])
        assert replayed == Posted(quarantined=1)
        async with worker.database.transaction() as connection:
            await partitions.ensure(connection, now_ms())
        assert await post(worker.database, worker.outbox, arrivals[:1]) == Posted(quarantined=1)
        assert (usage(), scene.rows(totals), scene.rows(rollups)) == before
    reasons = [row["reason"] for row in scene.rows("SELECT reason FROM quarantine")]
    assert reasons == ["no_partition"]
