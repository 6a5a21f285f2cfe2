"""Usage over HTTP: its sums are those of the ledger's rows, however they are asked for."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from common.domain.ids import encode_ulid, ulid_to_uuid
from common.domain.keys import KeyRecord
from common.domain.usage import TOKEN_CLASSES, Tokens
from common.store import keys, ledger, partitions, usage
from common.store.database import Database
from tests.support.key_admin import KEYS, served_key_admin
from tests.support.usage_records import make_adjustment, make_record, ulid_at

USAGE = "/internal/usage"
RECORDS = f"{USAGE}/records"
# Before and after Berlin's summer time begins (29 March 2026, 01:00 UTC).
START = datetime(2026, 3, 27, 22, 7, 30, tzinfo=UTC)
HOURS = 80
IDS = [encode_ulid(1_700_000_000_000 + number, bytes(range(10))) for number in range(7)]
KEY_IDS, TEAM_IDS, ACCOUNT_IDS = IDS[:3], IDS[3:5], IDS[5:]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"]


def made_up_records():
    """A hundred requests and some adjustments, the same in every run but for their ids."""
    chance = random.Random(20260329)
    records = []
    for number in range(100):
        # Some fall on a quarter of an hour exactly, where the bounds of the sums are.
        moment = START + timedelta(milliseconds=chance.randrange(HOURS * 3_600_000))
        if number % 4 == 0:
            moment = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
        requested = chance.choice(["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5"])
        record = make_record(
            id=ulid_at(moment),
            key_id=chance.choice(KEY_IDS),
            user_id=chance.choice(["alice", "bob", "Zoë"]),
            team_id=chance.choice([*TEAM_IDS, None]),
            account_id=chance.choice(ACCOUNT_IDS),
            provider=chance.choice(["openai", "anthropic"]),
            endpoint=chance.choice(["chat.completions", "messages"]),
            status=chance.choice(["ok", "ok", "error", "cancelled"]),
            model_requested=requested,
            model_served=chance.choice([None, f"{requested}-2026-01-01"]),
            tokens=Tokens(*(chance.randrange(10**5) for _ in TOKEN_CLASSES)),
            price_version="unpriced" if number % 7 == 0 else "1",
            cost_usd=f"{chance.randrange(10**13) / Decimal(10**12):.12f}",
        )
        records.append(record)
        if number % 10 == 0:
            records.append(adjustment_of(record, moment + timedelta(hours=1)))
    return records


def adjustment_of(record, moment):
    same = ("key_id", "user_id", "team_id", "account_id", "provider", "endpoint", "status")
    same += ("model_requested", "model_served", "price_version")
    return make_adjustment(
        record, id=ulid_at(moment), **{name: getattr(record, name) for name in same}
    )


@pytest.fixture(scope="module")
def served(postgres_server, _worker_redis, tmp_path_factory):
    log = tmp_path_factory.mktemp("key_admin") / "log"
    with served_key_admin(postgres_server, _worker_redis, log) as key_admin:
        yield key_admin


@pytest.fixture(scope="module")
def records(served):
    """What the ledger has."""
    made = made_up_records()

    async def insert():
        database = Database(served.database_url)
        async with database.transaction() as connection:
            await partitions.ensure(connection, int(START.timestamp() * 1000))
            assert len(await ledger.insert(connection, made)) == len(made)
            await keys.create(connection, KeyRecord(KEY_IDS[0], "alice"), None, "0" * 64, "cr_0")
        await database.close()

    asyncio.run(insert())
    return made


@pytest.fixture
def key_admin(served, records, redis_server):
    """The module's process with the records in its ledger, and an empty Redis."""
    return served


def moment_of(record):
    return datetime.fromisoformat(record.occurred_at)


def label(record, name, zone):
    local = moment_of(record).astimezone(ZoneInfo(zone))
    times = {"hour": "%Y-%m-%dT%H:00", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
    if name in times:
        return local.strftime(times[name])
    if name == "model":
        return record.model_served or record.model_requested
    columns = {"key": "key_id", "user": "user_id", "team": "team_id", "account": "account_id"}
    return getattr(record, columns.get(name, name))


def summed(records):
    tokens = Counter(dict.fromkeys(TOKEN_CLASSES, 0))
    for record in records:
        tokens.update({name: getattr(record.tokens, name) for name in TOKEN_CLASSES})
    cost = f"{sum((Decimal(record.cost_usd) for record in records), Decimal()):.12f}"
    return {
        "requests": sum(record.kind == "usage" for record in records),
        "tokens": dict(tokens),
        "cost_usd": cost,
        # The teams are not there, and so have no multiplier.
        "rated_usd": cost,
        "unpriced_requests": sum(
            record.kind == "usage" and record.price_version == "unpriced" for record in records
        ),
    }


def expected(records, group_by, zone):
    groups = {}
    for record in records:
        labels = tuple(label(record, name, zone) for name in group_by)
        groups.setdefault(labels, []).append(record)
    return {labels: summed(members) for labels, members in groups.items()}


def check(answer, records, group_by=(), zone="UTC"):
    """The answer holds the sums of exactly these records."""
    assert answer.status_code == 200, answer.text
    said = answer.json()
    found = {}
    for item in said["items"]:
        group = item.pop("group")
        assert list(group) == list(group_by)
        found[tuple(group.values())] = item
    assert len(found) == len(said["items"])
    assert found == (expected(records, group_by, zone) if group_by else {})
    assert said["total"] == summed(records)
    if group_by:
        total = sum((Decimal(item["cost_usd"]) for item in said["items"]), Decimal())
        assert Decimal(said["total"]["cost_usd"]) == total
        assert said["total"]["requests"] == sum(item["requests"] for item in said["items"])


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("group_by", [["hour"], ["day"], ["week"], ["month"], ["day", "model"]])
def test_times_are_local_to_the_zone(key_admin, records, group_by, zone):
    answer = key_admin.get(USAGE, group_by=",".join(group_by), tz=zone)
    check(answer, records, group_by, zone)


def test_the_zones_differ_where_they_should(records):
    days = {zone: expected(records, ["day"], zone) for zone in ZONES}
    assert len({str(sorted(found.items())) for found in days.values()}) == len(ZONES)


@pytest.mark.parametrize(
    "group_by",
    ["model", "provider", "endpoint", "status", "key", "user", "team", "account", "team,user",
     "user,key,model", "provider,status,endpoint,account"],
)  # fmt: skip
def test_sums_by_what_it_was(key_admin, records, group_by):
    check(key_admin.get(USAGE, group_by=group_by), records, group_by.split(","))


def test_without_groups_there_is_a_total(key_admin, records):
    check(key_admin.get(USAGE), records)
    check(key_admin.get(USAGE, group_by=""), records)


def test_groups_come_in_their_order_and_once(key_admin):
    items = key_admin.get(USAGE, group_by="day,user,day").json()["items"]
    days = [item["group"]["day"] for item in items]
    assert days == sorted(days)
    assert {tuple(item["group"]) for item in items} == {("day", "user")}
    teams = [
        item["group"]["team"] for item in key_admin.get(USAGE, group_by="team").json()["items"]
    ]
    assert teams == [*sorted(TEAM_IDS), None]


@pytest.mark.parametrize(
    ("since", "until", "zone"),
    [
        ("2026-03-28", "2026-03-29", "UTC"),
        ("2026-03-28", "2026-03-29", "Europe/Berlin"),
        ("2026-03-29", "2026-03-30", "Europe/Berlin"),  # 23 hours
        ("2026-03-29", None, "Asia/Kathmandu"),
        (None, "2026-03-29", "America/New_York"),
        ("2026-03-28T10:15:00Z", "2026-03-28T20:45:00Z", "UTC"),  # on steps: from the rollups
        ("2026-03-28T10:15:00.001Z", "2026-03-28T20:44:59.999Z", "UTC"),  # off: from the ledger
        ("2026-03-28T12:07:00+05:45", "2026-03-29T12:00:00-04:00", "Europe/Berlin"),
        ("2026-03-28", "2026-03-29T12:34:56.789+02:00", "Europe/Berlin"),
        ("1960-01-01", "9999-12-31", "Asia/Tokyo"),
        ("0001-01-01", None, "Asia/Tokyo"),
        ("2030-01-01", None, "UTC"),
    ],
)
def test_bounds_are_dates_of_the_zone_or_times(key_admin, records, since, until, zone):
    def bound(text, default):
        if text is None:
            return default
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))

    low, high = bound(since, START - timedelta(days=9)), bound(until, START + timedelta(days=9))
    within = [record for record in records if low <= moment_of(record) < high]
    if since != "2030-01-01":
        assert within
    query = {
        "tz": zone,
        **({"since": since} if since else {}),
        **({"until": until} if until else {}),
    }
    check(key_admin.get(USAGE, group_by="day,user", **query), within, ["day", "user"], zone)
    check(key_admin.get(USAGE, **query), within)
    ids = [item["id"] for item in key_admin.get(RECORDS, limit=500, **query).json()["items"]]
    assert ids == sorted((record.id for record in within), reverse=True)


@pytest.mark.parametrize("on_step", [True, False])
def test_a_bound_belongs_to_what_follows_it(key_admin, records, on_step):
    """On a step of the rollups they are read, else the ledger."""
    exact = next(one for one in records if (moment_of(one).timestamp() % 900 == 0) is on_step)
    at, own = exact.occurred_at, {"key_id": exact.key_id}
    of_key = [record for record in records if record.key_id == exact.key_id]
    since = [record for record in of_key if moment_of(record) >= moment_of(exact)]
    until = [record for record in of_key if moment_of(record) < moment_of(exact)]
    assert exact in since
    check(key_admin.get(USAGE, since=at, **own), since)
    check(key_admin.get(USAGE, until=at, **own), until)
    found = key_admin.get(RECORDS, since=at, limit=500, **own).json()["items"]
    assert found[-1]["id"] == min(record.id for record in since)


@pytest.mark.parametrize("off", ["", "2026-03-28T00:00:00.001Z"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("key_id", KEY_IDS[1]), ("user_id", "Zoë"), ("team_id", TEAM_IDS[0]),
     ("model", "gpt-4o-2026-01-01"), ("model", "gpt-4o"), ("user_id", "nobody"),
     ("key_id", ACCOUNT_IDS[0]), ("status", "error")],
)  # fmt: skip
def test_filters(key_admin, records, name, value, off):
    def matches(record):
        found = label(record, "model", "UTC") if name == "model" else getattr(record, name)
        return found == value and (not off or moment_of(record) >= datetime.fromisoformat(off))

    query = {name: value} | ({"since": off} if off else {})
    within = [record for record in records if matches(record)]
    check(key_admin.get(USAGE, group_by="user,model", **query), within, ["user", "model"])
    ids = {item["id"] for item in key_admin.get(RECORDS, limit=500, **query).json()["items"]}
    assert ids == {record.id for record in within}


def test_records_can_be_found_by_the_model_that_was_asked_for(key_admin, records):
    found = key_admin.get(RECORDS, limit=500, model_requested="gpt-4o").json()["items"]
    expected = {record.id for record in records if record.model_requested == "gpt-4o"}
    assert {item["id"] for item in found} == expected
    served = {record.model_served for record in records if record.id in expected}
    assert len(served) > 1, "some were answered by another"
    assert fields_of(key_admin.get(USAGE, model_requested="gpt-4o")) == ["model_requested"]


def fields_of(answer):
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]


def test_records_are_shown_as_they_were_written(key_admin, records):
    shown = {item["id"]: item for item in key_admin.get(RECORDS, limit=500).json()["items"]}
    assert len(shown) == len(records)
    for record in records:
        row = ledger.flat(record)
        for evidence in ("reported_usage", "policy"):
            del row[evidence]  # which the receipt shows
        tokens = {name: row.pop(name) for name in TOKEN_CLASSES}
        ids = {name: getattr(record, name) for name in ("id", "adjusts", "key_id", "team_id")}
        assert shown[record.id] == {
            **row, **ids, "account_id": record.account_id, "tokens": tokens,
            "price_multiplier": "1", "rated_usd": record.cost_usd,
        }  # fmt: skip


@pytest.mark.parametrize(("limit", "query"), [(1, {"user_id": "bob"}), (37, {}), (110, {})])
def test_pages_of_records_are_walked_once_each_newest_first(key_admin, records, limit, query):
    mine = [record.id for record in records if not query or record.user_id == "bob"]
    walked, cursor = [], {}
    while True:
        page = key_admin.get(RECORDS, limit=limit, **query, **cursor).json()
        assert 0 < len(page["items"]) <= limit
        walked += [item["id"] for item in page["items"]]
        assert len(walked) <= len(mine)
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert walked == sorted(mine, reverse=True)


def test_a_key_says_when_it_was_last_used(key_admin, records):
    last = max(record.occurred_at for record in records if record.key_id == KEY_IDS[0])
    assert key_admin.get(f"{KEYS}/{KEY_IDS[0]}").json()["last_used_at"] == last
    listed = key_admin.get(KEYS, user_id="alice").json()["items"]
    assert [item["last_used_at"] for item in listed] == [last]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"tz": "Mars/Olympus"}, "tz"), ({"tz": ""}, "tz"), ({"tz": "../etc/passwd"}, "tz"),
        ({"tz": "Europe"}, "tz"), ({"since": "yesterday"}, "since"),
        ({"since": "2026-03-28T10:00:00"}, "since"), ({"until": "2026-02-30"}, "until"),
        ({"until": ""}, "until"), ({"since": "1774699200"}, "since"),
        ({"since": "2026-03-28T10:00:00+25:00"}, "since"),
        ({"since": "2026-03-29", "until": "2026-03-29"}, "until"),
        ({"since": "2026-03-29", "until": "2026-03-28T23:59:59Z"}, "until"),
        ({"key_id": "x"}, "key_id"), ({"team_id": KEY_IDS[0].lower()}, "team_id"),
        ({"user_id": "a\0"}, "user_id"), ({"model": "\0"}, "model"), ({"models": "m"}, "models"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_named(key_admin, query, field):
    for path in (USAGE, RECORDS):
        refused(key_admin.get(path, **query), field)


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        (USAGE, {"group_by": "colour"}, "group_by"), (USAGE, {"group_by": "model;day"}, "group_by"),
        (USAGE, {"group_by": "key,user,team,model,day"}, "group_by"),
        (USAGE, {"limit": "5"}, "limit"), (USAGE, {"cursor": KEY_IDS[0]}, "cursor"),
        (RECORDS, {"limit": "0"}, "limit"), (RECORDS, {"limit": "501"}, "limit"),
        (RECORDS, {"cursor": "x"}, "cursor"), (RECORDS, {"group_by": "day"}, "group_by"),
    ],
)  # fmt: skip
def test_a_query_of_one_is_not_one_of_the_other(key_admin, path, query, field):
    refused(key_admin.get(path, **query), field)


def refused(answer, field):
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert error["message"]


async def test_a_zone_that_only_postgres_does_not_know_is_no_failure(key_admin):
    database = Database(key_admin.database_url)
    with pytest.raises(usage.UnknownTimeZone, match="Mars/Olympus"):
        async with database.transaction() as connection:
            await usage.sums(connection, usage.Filters(), ["day"], "Mars/Olympus", 10)
    await database.close()


def test_more_groups_than_an_answer_holds_are_refused(key_admin):
    statement = """
        INSERT INTO usage_rollups SELECT '2001-01-01Z', %s, g::text, NULL, %s, 'p', 'm', 'e', 'ok',
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM generate_series(1, %s) AS g"""
    key_id, account_id = (ulid_to_uuid(one) for one in (KEY_IDS[0], ACCOUNT_IDS[0]))
    in_2001 = {"until": "2002-01-01", "group_by": "user"}
    try:
        key_admin.rows(statement, key_id, account_id, 10_000)
        assert len(key_admin.get(USAGE, **in_2001).json()["items"]) == 10_000
        key_admin.rows(statement.replace("g::text", "'more'"), key_id, account_id, 1)
        refused(key_admin.get(USAGE, **in_2001), "group_by")
        total = key_admin.get(USAGE, until="2002-01-01").json()["total"]
        assert total["requests"] == 10_001
    finally:
        key_admin.rows("DELETE FROM usage_rollups WHERE since < '2002-01-01Z'")
