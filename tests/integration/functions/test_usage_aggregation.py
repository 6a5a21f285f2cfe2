"""usage_aggregation as a process: events in, an empty 204 out, each record in the ledger once."""

import asyncio
import json

import msgspec
import pytest

from common.domain.ids import ulid_to_uuid
from common.domain.thresholds import Passed
from common.domain.usage import encode
from common.events.types import BUDGET_THRESHOLD, CRON_TASK, USAGE_RECORDED
from common.identifiers import now_ms
from tests.support.event_receiver import Answer, Receiver
from tests.support.event_worker import EventWorker, is_empty_204, is_problem
from tests.support.usage_records import make_record, signed


@pytest.fixture
def interval():
    """RELAY_SWEEP_INTERVAL_S."""
    return "5"


@pytest.fixture
async def function(postgres_url, redis_url, tmp_path, interval):
    target = "functions.usage_aggregation.main:application"
    function = EventWorker(
        target, tmp_path, postgres_url, redis_url, RELAY_SWEEP_INTERVAL_S=interval
    )
    function.process.start()
    yield function
    await function.close()


def ids(function) -> set:
    return {row["id"] for row in function.rows("SELECT id FROM ledger")}


@pytest.mark.parametrize("structured", [False, True])
async def test_records_get_into_the_ledger_and_out_of_the_outbox(function, structured):
    records = [make_record() for _ in range(3)]
    outbox_ids = [await function.settle(encode(record)) for record in records]
    stays = await function.settle(b"another")
    given = [signed(record, at) for record, at in zip(records, outbox_ids, strict=True)]
    answer = await function.post(USAGE_RECORDED, {"records": given}, structured=structured)
    assert is_empty_204(answer)
    assert ids(function) == {ulid_to_uuid(record.id) for record in records}
    assert await function.waiting() == [stays]
    (line,) = function.lines("posted")
    assert line["inserted"] == 3
    assert line["request_ids"] == [record.id for record in records]


async def test_a_doubled_event_changes_nothing(function):
    data = {"records": [signed(make_record(cost_usd="0.5")) for _ in range(4)]}
    answers = await asyncio.gather(*(function.post(USAGE_RECORDED, data) for _ in range(6)))
    assert all(is_empty_204(answer) for answer in answers)
    assert len(ids(function)) == 4
    (sums,) = function.rows("SELECT sum(requests) AS n, sum(cost_usd) AS cost FROM usage_rollups")
    assert (sums["n"], sums["cost"]) == (4, 2)


async def test_an_event_without_records_is_taken(function):
    assert is_empty_204(await function.post(USAGE_RECORDED, {"records": []}))


async def test_a_forged_record_is_quarantined_and_the_others_are_posted(function):
    record = make_record()
    forged = signed(make_record()) | {"user_id": "mallory"}
    huge = signed(make_record()) | {"attempts": 10**30}
    nested = {"id": json.loads("[" * 500 + "]" * 500)}
    data = {"records": [forged, signed(record), huge, nested]}
    for _ in range(2):
        assert is_empty_204(await function.post(USAGE_RECORDED, data))
    assert ids(function) == {ulid_to_uuid(record.id)}
    found = function.rows("SELECT reason FROM quarantine")
    assert [row["reason"] for row in found] == ["bad_signature"] * 3


async def test_data_of_another_shape_is_refused_for_good(function):
    for data in (None, [], {}, {"records": None}, {"records": [1]}, {"records": {"id": "x"}}):
        for structured in (False, True):
            answer = await function.post(USAGE_RECORDED, data, structured=structured)
            assert is_problem(answer, 400), data


async def test_what_is_no_event_or_another_is_refused_for_good(function):
    assert is_problem(await function.client.post("/", content=b"hello"), 400)
    assert is_problem(await function.client.post("/"), 400)
    structured = {"content-type": "application/cloudevents+json"}
    assert is_problem(await function.client.post("/", content=b"{", headers=structured), 400)
    wrong = await function.post(CRON_TASK, {"task": "outbox"})
    assert is_problem(wrong, 400)
    assert CRON_TASK in wrong.json()["detail"]
    assert USAGE_RECORDED in wrong.json()["detail"]


async def test_other_paths_and_methods_are_refused(function):
    assert is_problem(await function.post(USAGE_RECORDED, {"records": []}, path="/other"), 404)
    assert is_problem(await function.client.get("/other"), 404)
    answer = await function.client.get("/")
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == "POST"


async def test_an_event_that_is_too_large_is_refused(function):
    answer = await function.client.post("/", content=b"x" * (16 * 1024 * 1024 + 1))
    assert is_problem(answer, 413)


async def test_without_postgres_503_until_it_is_back(function, postgres_server):
    record = make_record()
    outbox_id = await function.settle(encode(record))
    data = {"records": [signed(record, outbox_id)]}
    assert is_empty_204(await function.post(USAGE_RECORDED, {"records": []}))
    postgres_server.stop()
    # Within the client's 30 s, which is less than the broker waits.
    answer = await function.post(USAGE_RECORDED, data)
    assert is_problem(answer, 503)
    assert answer.headers["retry-after"] == "2"
    assert (await function.client.get("/health/ready")).status_code == 200
    assert await function.waiting() == [outbox_id]
    postgres_server.start()
    assert is_empty_204(await function.post(USAGE_RECORDED, data))
    assert ids(function) == {ulid_to_uuid(record.id)}
    assert await function.waiting() == []


async def test_without_redis_the_ledger_has_it_and_the_outbox_is_emptied_later(
    function, redis_server
):
    record = make_record()
    outbox_id = await function.settle(encode(record), now_ms() - 9_000)
    redis_server.stop()
    assert is_empty_204(
        await function.post(USAGE_RECORDED, {"records": [signed(record, outbox_id)]})
    )
    assert ids(function) == {ulid_to_uuid(record.id)}
    redis_server.start()
    assert await function.waiting() == [outbox_id]
    assert is_empty_204(await function.post(USAGE_RECORDED, {"records": []}))
    assert await function.waiting() == []
    assert len(ids(function)) == 1


async def test_it_starts_without_its_stores(function, postgres_server, redis_server):
    function.process.kill()
    postgres_server.stop()
    redis_server.stop()
    function.process.start()
    data = {"records": [signed(make_record())]}
    assert is_problem(await function.post(USAGE_RECORDED, data), 503)
    postgres_server.start()
    redis_server.start()
    assert is_empty_204(await function.post(USAGE_RECORDED, data))
    assert len(ids(function)) == 1


async def test_older_entries_of_the_outbox_are_drained_on_the_way(function):
    old, young = make_record(), make_record()
    await function.settle(encode(old), now_ms() - 9_000)
    kept = await function.settle(encode(young))
    given = make_record()
    assert is_empty_204(await function.post(USAGE_RECORDED, {"records": [signed(given)]}))
    assert ids(function) == {ulid_to_uuid(record.id) for record in (old, given)}
    assert await function.waiting() == [kept]
    assert function.lines("drained")[0]["inserted"] == 1


@pytest.mark.parametrize(("interval", "sweeps"), [("0", 3), ("86400", 1)])
async def test_a_process_sweeps_at_most_once_in_an_interval(function, sweeps):
    for _ in range(3):
        await function.settle(encode(make_record()), now_ms() - 9_000)
        assert is_empty_204(await function.post(USAGE_RECORDED, {"records": []}))
    assert len(function.lines("drained")) == sweeps


async def test_the_lease_of_a_relay_that_died_becomes_a_row(function):
    draft = make_record(status="interrupted", finish_cause="interrupted", latency_ms=None)
    await function.die_with_lease(draft)
    assert is_empty_204(await function.post(USAGE_RECORDED, {"records": []}))
    assert await function.open_leases() == 0
    assert function.lines("leases_expired")[0]["count"] == 1
    await function.age_outbox()
    function.restart()  # a process sweeps at its first event, later at intervals
    assert is_empty_204(await function.post(USAGE_RECORDED, {"records": []}))
    found = function.rows("SELECT id, status FROM ledger")
    assert found == [{"id": ulid_to_uuid(draft.id), "status": "interrupted"}]
    assert await function.waiting() == []


async def test_both_health_paths_answer(function):
    for path in ("/health/live", "/health/ready"):
        answer = await function.client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_stops_orderly(function):
    assert is_empty_204(await function.post(USAGE_RECORDED, {"records": [signed(make_record())]}))
    assert function.process.stop() == 0


MARK = Passed("money:user:alice:day:2026-11-26", 10**9, 80, 8 * 10**8, 1_795_737_600_000)


async def pass_mark(function, passed=MARK):
    packed = msgspec.msgpack.encode(passed)
    await function.commands.call("XADD", "{relay}:thresholds", "*", "p", packed)


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
async def telling(postgres_url, redis_url, tmp_path, receiver):
    target = "functions.usage_aggregation.main:application"
    function = EventWorker(target, tmp_path, postgres_url, redis_url, K_SINK=receiver.url)
    function.process.start()
    yield function
    await function.close()


async def test_a_part_of_a_budget_that_is_spent_becomes_an_event_until_it_is_taken(
    telling, receiver
):
    await pass_mark(telling)
    await telling.commands.call("XADD", "{relay}:thresholds", "*", "p", b"garbage")
    receiver.answers = [Answer(503), Answer(202)]
    for _ in range(3):
        assert is_empty_204(await telling.post(USAGE_RECORDED, {"records": []}))
    first, second = receiver.delivered
    assert first.id == second.id == MARK.event_id("{relay}")
    assert second.headers["ce-type"] == BUDGET_THRESHOLD
    assert second.headers["ce-subject"] == "user:alice"
    assert second.headers["ce-source"] == "/relay/usage_aggregation"
    assert json.loads(second.body) == {
        "scope": "user",
        "scope_id": "alice",
        "period": "day",
        "period_id": "day:2026-11-26",
        "period_ends_at": "2026-11-27T00:00:00Z",
        "budget_usd": "1.000000000000",
        "spent_usd": "0.800000000000",
        "threshold_percent": 80,
        "highest_percent": 80,
    }
    assert await telling.commands.call("XLEN", "{relay}:thresholds") == 0


async def test_without_a_sink_it_is_in_the_log_and_waits_no_longer(function):
    await pass_mark(function)
    assert is_empty_204(await function.post(USAGE_RECORDED, {"records": []}))
    (line,) = function.lines("budget_threshold")
    assert (line["scope"], line["percent"]) == ("user:alice", 80)
    assert await function.commands.call("XLEN", "{relay}:thresholds") == 0


async def test_events_for_others_are_acknowledged(function):
    assert is_empty_204(await function.post(BUDGET_THRESHOLD, {"scope": "user"}))
