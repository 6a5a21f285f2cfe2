"""Records in quarantine: looked at, and posted again, once, when the ledger can take them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from common.domain.ids import ulid_time_ms
from common.domain.usage import encode
from common.posting import arrival_from_event, arrival_from_outbox, post
from common.state.client import RedisPyCommands
from common.state.outbox import Outbox, OutboxEntry
from common.store import partitions
from common.store.database import Database
from tests.support.admin_checks import fields, kept, problem, trail
from tests.support.usage_records import EVENTS_KEY, make_record, signed, ulid_at

QUARANTINE = "/internal/quarantine"
NO_RECORD = "0" * 64


@pytest.fixture
def key_admin(served, redis_server):
    """The module's process with an empty ledger, which has no partition yet."""
    served.rows("TRUNCATE quarantine, usage_rollups, spend_totals")
    for row in served.rows("DELETE FROM ledger_partitions RETURNING name"):
        served.rows(f'DROP TABLE "{row["name"]}"')
    return served


def arrive(key_admin, *arrivals):
    """Bring arrivals as usage_aggregation does."""

    async def work():
        database, commands = (
            Database(key_admin.database_url),
            RedisPyCommands.from_url(key_admin.redis_url),
        )
        posted = await post(database, Outbox(commands, "{relay}"), arrivals)
        await database.close()
        await commands.close()
        return posted

    return asyncio.run(work())


def make_partition(key_admin, record):
    async def work():
        database = Database(key_admin.database_url)
        async with database.transaction() as connection:
            await partitions.ensure(connection, ulid_time_ms(record.id))
        await database.close()

    asyncio.run(work())


def old_record(year, **members):
    """A record from before the ledger's first partition."""
    return make_record(id=ulid_at(datetime(year, 6, 1, tzinfo=UTC)), **members)


def settled(key_admin, record):
    """A place in the outbox, as relay's settling makes it."""
    with key_admin.redis() as connection:
        return connection.xadd("{relay}:outbox", {"record": encode(record)})


def listed(key_admin, **query):
    answer = key_admin.get(QUARANTINE, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def retry(key_admin, record_id):
    return key_admin.call("POST", f"{QUARANTINE}/{record_id}/retry")


def sums(key_admin):
    """How many rows the ledger has, and requests and USD of ledger, rollups and totals."""
    (row,) = key_admin.rows(
        "SELECT (SELECT count(*) FROM ledger) AS ledger,"
        " (SELECT sum(requests) FROM usage_rollups) AS requests,"
        " (SELECT sum(cost_usd) FROM ledger) = (SELECT sum(cost_usd) FROM usage_rollups) AS equal,"
        " (SELECT count(DISTINCT settled) FROM spend_totals) AS totals"
    )
    return row


def test_what_the_ledger_could_not_take_is_shown(key_admin):
    record = old_record(2009)
    arrive(key_admin, arrival_from_outbox(OutboxEntry("1-0", b"no JSON \xff")))
    arrive(key_admin, arrival_from_outbox(OutboxEntry("2-0", encode(record))))
    second, first = listed(key_admin)
    assert datetime.fromisoformat(first["received_at"]) <= datetime.now(UTC)
    assert len(first.pop("id")) == 64
    del first["received_at"]
    detail = first.pop("detail")
    assert first == {"reason": "malformed", "outbox_id": "1-0", "record": "no JSON \\xff"}
    assert detail
    assert (second["reason"], second["record"]["id"]) == ("no_partition", record.id)
    assert [one["id"] for one in listed(key_admin, reason="no_partition")] == [second["id"]]
    assert listed(key_admin, reason="nothing") == []


@pytest.mark.parametrize("way", ["event", "outbox"])
def test_it_is_posted_once_when_its_partition_exists(key_admin, way):
    record = old_record(2011)
    place = settled(key_admin, record)
    if way == "event":
        arrival = arrival_from_event(signed(record, place), EVENTS_KEY)
    else:
        arrival = arrival_from_outbox(OutboxEntry(place, encode(record)))
    assert arrive(key_admin, arrival).quarantined == 1
    (item,) = listed(key_admin)
    before = kept(key_admin, "quarantine", "audit")
    refused = problem(retry(key_admin, item["id"]), 409)
    assert "no partition" in refused["detail"]
    assert kept(key_admin, "quarantine", "audit") == before
    make_partition(key_admin, record)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: retry(key_admin, item["id"]), range(4)))
    assert {answer.status_code for answer in answers} <= {204, 404}
    good = [answer for answer in answers if answer.status_code == 204]
    assert good
    assert all(answer.content == b"" for answer in good)
    assert listed(key_admin) == []
    assert sums(key_admin) == {"ledger": 1, "requests": 1, "equal": True, "totals": 1}
    problem(retry(key_admin, item["id"]), 404)
    with key_admin.redis() as connection:
        assert connection.xlen("{relay}:outbox") == 0
    before = {"reason": "no_partition", "detail": item["detail"]}
    expected = ("quarantine.retry", before, {"ledger_id": record.id})
    assert trail(key_admin, item["id"]) == [expected]


def test_what_the_ledger_has_already_is_only_let_go(key_admin):
    record = old_record(2013)
    arrival = arrival_from_outbox(OutboxEntry("1-0", encode(record)))
    arrive(key_admin, arrival)
    make_partition(key_admin, record)
    assert arrive(key_admin, arrival).inserted == 1
    (item,) = listed(key_admin)
    assert retry(key_admin, item["id"]).status_code == 204
    assert listed(key_admin) == []
    assert sums(key_admin)["ledger"] == 1


def test_what_no_ledger_can_take_stays(key_admin):
    arrive(key_admin, arrival_from_outbox(OutboxEntry("1-0", b'{"id": "nonsense"}')))
    (item,) = listed(key_admin)
    before = kept(key_admin, "quarantine", "audit")
    assert "still cannot take it" in problem(retry(key_admin, item["id"]), 409)["detail"]
    assert kept(key_admin, "quarantine", "audit") == before


def test_a_forged_record_is_never_posted(key_admin):
    record = old_record(2014)
    make_partition(key_admin, record)
    forged = signed(record) | {"cost_usd": "9.000000000000"}
    assert arrive(key_admin, arrival_from_event(forged, EVENTS_KEY)).quarantined == 1
    (item,) = listed(key_admin)
    assert item["reason"] == "bad_signature"
    before = kept(key_admin, "quarantine", "audit", "ledger")
    assert "signature" in problem(retry(key_admin, item["id"]), 409)["detail"]
    assert kept(key_admin, "quarantine", "audit", "ledger") == before


@pytest.mark.parametrize("record_id", [NO_RECORD, "nothing", "%00", "0" * 63])
def test_an_unknown_record_is_not_found(key_admin, record_id):
    assert "There is no record" in problem(retry(key_admin, record_id), 404)["detail"]


def test_pages_are_walked_once_each_newest_first(key_admin):
    for number in range(5):
        arrive(key_admin, arrival_from_outbox(OutboxEntry(f"{number}-0", b"%d" % number)))
    walked, cursor = [], {}
    while True:
        page = key_admin.get(QUARANTINE, limit=2, **cursor).json()
        assert 0 < len(page["items"]) <= 2
        walked += [item["record"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert walked == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("query", "field"),
    [({"limit": "0"}, "limit"), ({"limit": "501"}, "limit"), ({"cursor": "x"}, "cursor"),
     ({"reason": "\0"}, "reason"), ({"since": "2026-01-01"}, "since")],
)  # fmt: skip
def test_a_wrong_query_is_named(key_admin, query, field):
    assert fields(key_admin.get(QUARANTINE, **query)) == [field]
