"""cleanup as a process: ticks in, an empty 204 out, what is due done, by whoever comes first."""

import asyncio
from datetime import UTC, datetime

import pytest

from common.domain.ids import ulid_to_uuid
from common.domain.keys import KeyRecord, hash_key
from common.domain.usage import encode
from common.events.types import CRON_TASK, USAGE_RECORDED
from common.identifiers import new_ulid, now_ms
from common.state import locks
from common.state.projection import has_epoch, set_epoch
from common.store import idempotency, keys
from common.store.database import Database
from functions.cleanup.lease import LEASE_MS
from tests.support.event_worker import PREFIX, EventWorker, is_empty_204, is_problem
from tests.support.usage_records import make_record

TASKS = (
    *("leases", "outbox", "partitions", "projection", "key_expiry", "retention", "reconcile"),
    *("jobs", "notifications"),
)


@pytest.fixture
async def function(postgres_url, redis_url, tmp_path):
    function = EventWorker("functions.cleanup.main:application", tmp_path, postgres_url, redis_url)
    function.process.start()
    yield function
    await function.close()


@pytest.fixture
async def database(postgres_url):
    database = Database(postgres_url)
    yield database
    await database.close()


async def tick(function, task, **options):
    return await function.post(CRON_TASK, {"task": task}, **options)


def done(function, task) -> list[dict]:
    return [line["done"] for line in function.lines("task") if line["task"] == task]


@pytest.mark.parametrize("structured", [False, True])
async def test_every_task_runs_on_a_fresh_installation_and_twice(function, structured):
    for task in TASKS * 2:
        assert is_empty_204(await tick(function, task, structured=structured))
    assert [line["task"] for line in function.lines("task")] == list(TASKS * 2)
    assert await function.commands.call("KEYS", f"{PREFIX}:lock:*") == []


async def test_the_outbox_is_drained_whatever_its_length(function):
    began = now_ms() - 60_000
    for number in range(1201):
        await function.settle(encode(make_record()), began + number)
    await function.settle(b"garbage", began + 1201)
    young = await function.settle(encode(make_record()))
    assert is_empty_204(await tick(function, "outbox"))
    assert await function.waiting() == [young]
    assert done(function, "outbox") == [
        {"inserted": 1201, "duplicate": 0, "quarantined": 1, "waiting": 1}
    ]


async def test_the_lease_of_a_relay_that_died_becomes_a_row(function):
    draft = make_record(status="interrupted", finish_cause="interrupted", latency_ms=None)
    await function.die_with_lease(draft)
    assert is_empty_204(await tick(function, "leases"))
    assert await function.open_leases() == 0
    assert done(function, "leases") == [{"expired": 1}]
    await function.age_outbox()
    assert is_empty_204(await tick(function, "outbox"))
    found = function.rows("SELECT id, status FROM ledger")
    assert found == [{"id": ulid_to_uuid(draft.id), "status": "interrupted"}]


async def test_partitions_are_made_and_old_replies_wiped(function, database):
    reply = idempotency.KeptReply(b"digest", "01K", 201, b"body")
    async with database.transaction() as connection:
        for token in ("old", "young"):
            await idempotency.keep(connection, token, reply)
        await connection.execute(
            "UPDATE idempotent_replies SET created_at = now() - interval '1 hour' "
            "WHERE token = 'old'"
        )
    assert is_empty_204(await tick(function, "partitions"))
    assert done(function, "partitions") == [{"made": 5, "replies_wiped": 1}]
    names = [row["name"] for row in function.rows("SELECT name FROM ledger_partitions")]
    assert f"ledger_{datetime.now(UTC):%Y_%m}" in names
    kept = function.rows("SELECT token, body IS NULL AS wiped FROM idempotent_replies ORDER BY 1")
    assert kept == [{"token": "old", "wiped": True}, {"token": "young", "wiped": False}]
    assert is_empty_204(await tick(function, "partitions"))
    assert done(function, "partitions")[1] == {"made": 0, "replies_wiped": 0}


async def test_what_redis_lacks_is_projected_and_all_of_it_after_a_loss(function, database):
    made = [await create(database) for _ in range(2)]
    await set_epoch(function.commands, PREFIX, "01EPOCH")
    assert is_empty_204(await tick(function, "projection"))
    assert done(function, "projection") == [{"rebuilt": 0, "replayed": 2}]
    assert [await known(function, key) for key in made] == [b"active"] * 2
    async with database.transaction() as connection:
        await keys.revoke(connection, made[0])
    await function.commands.call("FLUSHALL")
    assert is_empty_204(await tick(function, "projection"))
    assert done(function, "projection")[1] == {"rebuilt": 1, "replayed": 1}
    assert [await known(function, key) for key in made] == [b"revoked", b"active"]
    assert await has_epoch(function.commands, PREFIX)


async def create(database) -> str:
    record = KeyRecord(id=new_ulid(), user_id="alice")
    async with database.transaction() as connection:
        await keys.create(connection, record, None, hash_key(record.id), "cr_")
    return record.id


async def known(function, key_id: str) -> bytes | None:
    return await function.commands.call("HGET", f"{PREFIX}:key:{hash_key(key_id)}", "s")


async def test_a_task_that_another_process_is_at_is_left_to_it(function):
    await function.settle(encode(make_record()), now_ms() - 9_000)
    assert await locks.take(function.commands, PREFIX, "task-outbox", "another", LEASE_MS)
    renewing = asyncio.create_task(renew(function, "task-outbox", "another"))
    assert is_empty_204(await tick(function, "outbox"))
    assert len(await function.waiting()) == 1
    assert await function.commands.call("GET", f"{PREFIX}:lock:task-outbox") == b"another"
    renewing.cancel()
    await locks.free(function.commands, PREFIX, "task-outbox", "another")
    assert is_empty_204(await tick(function, "outbox"))
    assert await function.waiting() == []


async def renew(function, name, token):
    while True:
        assert await locks.renew(function.commands, PREFIX, name, token, LEASE_MS)
        await asyncio.sleep(0.3)


SLOT = "2026-11-24T02:10:{}Z"


async def test_a_second_tick_of_a_slot_does_nothing_and_one_of_the_next_slot_does(function):
    first = await function.settle(encode(make_record()), now_ms() - 9_000)
    assert is_empty_204(await tick(function, "outbox", time=SLOT.format("00.417")))
    assert first not in await function.waiting()
    second = await function.settle(encode(make_record()), now_ms() - 9_000)
    # Fired twice, or brought again: by whatever id, in another zone's words.
    for time in (SLOT.format("59"), "2026-11-24T03:10:00.417000001+01:00"):
        assert is_empty_204(await tick(function, "outbox", time=time))
        assert await function.waiting() == [second]
    assert [line["reason"] for line in function.lines("task_left")] == ["repeated"] * 2
    # The slot is the task's own, and by hand there is none.
    assert is_empty_204(await tick(function, "leases", time=SLOT.format("00")))
    assert len(function.lines("task_left")) == 2
    assert is_empty_204(await tick(function, "outbox", time="2026-11-24T02:11:00Z"))
    assert await function.waiting() == []


async def test_a_slot_whose_run_failed_or_died_is_taken_again(function, postgres_server):
    settled = await function.settle(encode(make_record()), now_ms() - 9_000)
    postgres_server.stop()
    assert (await tick(function, "outbox", time=SLOT.format("00"))).status_code == 503
    postgres_server.start()
    # And then one took it and died: what comes waits for as long as its lease has still to go.
    assert await locks.take(function.commands, PREFIX, "task-outbox", "dead", 2_000)
    assert await function.waiting() == [settled]
    assert is_empty_204(await tick(function, "outbox", time=SLOT.format("00")))
    assert await function.waiting() == []


async def test_ticks_at_once_do_it_once(function):
    records = [make_record() for _ in range(20)]
    for number, record in enumerate(records):
        await function.settle(encode(record), now_ms() - 9_000 + number)
    answers = await asyncio.gather(*(tick(function, task) for task in TASKS * 4))
    assert all(is_empty_204(answer) for answer in answers)
    assert await function.waiting() == []
    (row,) = function.rows("SELECT count(*) AS n FROM ledger")
    assert row["n"] == 20


async def test_an_unknown_task_is_refused_for_good(function):
    for data in ({"task": "nonsense"}, {"task": ""}, {"task": 7}, {}, [], None):
        answer = await function.post(CRON_TASK, data)
        assert is_problem(answer, 400), data
    detail = (await function.post(CRON_TASK, {"task": "nonsense"})).json()["detail"]
    assert all(name in detail for name in TASKS)


async def test_what_is_no_tick_is_refused_for_good(function):
    assert is_problem(await function.post(USAGE_RECORDED, {"records": []}), 400)
    assert is_problem(await function.client.post("/", content=b"hello"), 400)


async def test_other_paths_and_methods_are_refused(function):
    answer = await function.post(CRON_TASK, {"task": "outbox"}, path="/other")
    assert is_problem(answer, 404)
    for path in ("/", "/dead-letters"):
        assert path in answer.json()["detail"]
        refused = await function.client.get(path)
        assert is_problem(refused, 405)
        assert refused.headers["allow"] == "POST"


async def test_a_dead_letter_is_said_aloud(function):
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "17",
        "ce-source": "/relay/relay",
        "ce-type": USAGE_RECORDED,
        "ce-knativeerrorcode": "400",
        "ce-knativeerrordest": "http://usage-aggregation",
        "content-type": "application/json",
    }
    answer = await function.client.post("/dead-letters", headers=headers, content=b"{}")
    assert is_empty_204(answer)
    assert is_problem(await function.client.post("/dead-letters", content=b"{}"), 400)
    (line,) = function.lines("dead_letter")
    assert line["level"] == "error"
    assert (line["event_id"], line["event_type"]) == ("17", USAGE_RECORDED)
    assert line["event_source"] == "/relay/relay"
    assert (line["error_code"], line["error_dest"]) == ("400", "http://usage-aggregation")


async def test_without_postgres_503_and_the_lock_is_free_again(function, postgres_server):
    await function.settle(encode(make_record()), now_ms() - 9_000)
    postgres_server.stop()
    answers = await asyncio.gather(*(tick(function, task) for task in TASKS))
    status = dict(zip(TASKS, [answer.status_code for answer in answers], strict=True))
    assert status == dict.fromkeys(TASKS, 503) | {"leases": 204, "jobs": 204}
    assert answers[1].headers["retry-after"] == "2"
    assert (await function.client.get("/health/ready")).status_code == 200
    assert await function.commands.call("KEYS", f"{PREFIX}:lock:*") == []
    postgres_server.start()
    for task in TASKS:
        assert is_empty_204(await tick(function, task))
    assert await function.waiting() == []


async def test_without_redis_503_but_what_needs_none_is_done(function, redis_server):
    redis_server.stop()
    answers = await asyncio.gather(*(tick(function, task) for task in TASKS))
    status = dict(zip(TASKS, [answer.status_code for answer in answers], strict=True))
    without_redis = dict.fromkeys(
        ("partitions", "key_expiry", "retention", "reconcile", "notifications"), 204
    )
    assert status == dict.fromkeys(TASKS, 503) | without_redis
    assert done(function, "partitions") == [{"made": 5, "replies_wiped": 0}]
    redis_server.start()
    for task in TASKS:
        assert is_empty_204(await tick(function, task))


async def test_both_health_paths_answer(function):
    for path in ("/health/live", "/health/ready"):
        answer = await function.client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
