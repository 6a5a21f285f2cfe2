"""Reading usage: sums by any grouping, held against sums of the same records made in Python."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from common.domain.usage import TOKEN_CLASSES, Tokens
from common.domain.usage_spans import pieces
from common.identifiers import new_ulid
from common.store import ledger, partitions, usage
from common.store.usage import GROUPINGS, Filters
from tests.support.usage_records import make_adjustment, make_record, ulid_at

ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
# Around the end of summer time in Berlin (25 October 2026, 01:00 UTC) and in New York a week on.
SINCE = datetime(2026, 10, 23, tzinfo=UTC)
UNTIL = datetime(2026, 11, 3, tzinfo=UTC)
FORMATS = {"hour": "%Y-%m-%dT%H:00", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
TEXTS = {
    "provider": "provider", "endpoint": "endpoint", "status": "status", "key": "key_id",
    "user": "user_id", "team": "team_id", "account": "account_id",
}  # fmt: skip


@pytest.fixture
async def filled(database):
    """A database with the records of a seeded draw, and these records."""
    draw = random.Random(20261124)
    records = [_drawn(draw) for _ in range(400)]
    records += [
        make_adjustment(record, id=ulid_at(_moment(record)), key_id=record.key_id)
        for record in records[::10]
    ]
    async with database.transaction() as connection:
        await partitions.ensure(connection, int(SINCE.timestamp() * 1000))
        assert len(await ledger.insert(connection, records)) == 440
    return database, records


KEYS = [new_ulid() for _ in range(3)]
TEAMS = [None, *(new_ulid() for _ in range(2))]


def _drawn(draw: random.Random):
    moment = SINCE + timedelta(
        milliseconds=draw.randrange((UNTIL - SINCE) // timedelta(0, 0, 1000))
    )
    return make_record(
        id=ulid_at(moment),
        key_id=draw.choice(KEYS),
        user_id=draw.choice(("alice", "bob", "çelik")),
        team_id=draw.choice(TEAMS),
        provider=draw.choice(("openai", "anthropic")),
        endpoint=draw.choice(("chat.completions", "messages")),
        model_requested=draw.choice(("small", "large")),
        model_served=draw.choice((None, "small-1", "large-2")),
        status=draw.choice(("ok", "error", "cancelled", "interrupted")),
        tokens=Tokens(*(draw.randrange(1000) for _ in TOKEN_CLASSES)),
        cost_usd=f"{draw.randrange(100)}.{draw.randrange(10**12):012d}",
    )


def _moment(record) -> datetime:
    return datetime.fromisoformat(record.occurred_at)


def _model(record) -> str:
    return record.model_served or record.model_requested


def expected(records, filters: Filters, group_by, zone):
    """Sums of the records as the documentation of `sums` defines them."""
    groups = defaultdict(lambda: [0, Counts(), Decimal(0)])
    for record in records:
        if not _passes(record, filters):
            continue
        sums = groups[tuple(_group(record, name, zone) for name in group_by)]
        sums[0] += record.kind == "usage"
        sums[1].add(record.tokens)
        sums[2] += Decimal(record.cost_usd)
    return {group: (sums[0], sums[1].values, sums[2]) for group, sums in groups.items()}


class Counts:
    def __init__(self) -> None:
        self.values = dict.fromkeys(TOKEN_CLASSES, 0)

    def add(self, tokens: Tokens) -> None:
        for name in TOKEN_CLASSES:
            self.values[name] += getattr(tokens, name)


def _passes(record, filters: Filters) -> bool:
    return (
        (filters.since is None or _moment(record) >= filters.since)
        and (filters.until is None or _moment(record) < filters.until)
        and filters.key_id in (None, record.key_id)
        and filters.user_id in (None, record.user_id)
        and filters.team_id in (None, record.team_id)
        and filters.model in (None, _model(record))
    )


def _group(record, name: str, zone: str) -> str | None:
    if name in FORMATS:
        return f"{_moment(record).astimezone(ZoneInfo(zone)):{FORMATS[name]}}"
    return _model(record) if name == "model" else getattr(record, TEXTS[name])


async def found(database, filters: Filters, group_by, zone):
    async with database.transaction() as connection:
        sums = await usage.sums(connection, filters, group_by, zone, 10_000)
    keys = [tuple(one.group[name] for name in group_by) for one in sums]
    assert len(set(keys)) == len(keys)
    return {
        key: (one.requests, one.tokens, one.cost_usd) for key, one in zip(keys, sums, strict=True)
    }


async def test_every_grouping_in_every_zone(filled):
    database, records = filled
    for name in GROUPINGS:
        for zone in ZONES if name in FORMATS else ZONES[:1]:
            assert await found(database, Filters(), [name], zone) == expected(
                records, Filters(), [name], zone
            ), (name, zone)


async def test_days_of_a_zone_are_made_of_days_of_utc(filled):
    database, records = filled
    for hours, until in ((5, UNTIL), (30, None)):
        span = {"since": SINCE + timedelta(hours=hours, minutes=7), "until": until}
        for zone in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Etc/GMT-14"):
            for group_by in (["week", "user"], ["month"], ["model", "day"]):
                for more in ({"key_id": KEYS[0]}, {"team_id": TEAMS[1], "user_id": "bob"}):
                    filters = Filters(**span, **more)
                    assert await found(database, filters, group_by, zone) == expected(
                        records, filters, group_by, zone
                    ), (filters, group_by, zone)


async def test_random_filters_and_groupings(filled):
    database, records = filled
    draw = random.Random(7)
    sources = set()
    for _ in range(60):
        step = draw.choice((timedelta(minutes=15), timedelta(milliseconds=1)))
        since, until = sorted(
            SINCE + step * draw.randrange((UNTIL - SINCE) // step) for _ in range(2)
        )
        filters = Filters(
            since=draw.choice((None, since)),
            until=draw.choice((None, until)),
            key_id=draw.choice((None, None, *KEYS)),
            user_id=draw.choice((None, None, "alice", "nobody")),
            team_id=draw.choice((None, None, TEAMS[1])),
            model=draw.choice((None, None, "small-1", "large")),
        )
        group_by = draw.sample(sorted(GROUPINGS), draw.randrange(1, 4))
        zone = draw.choice(ZONES)
        sources |= {piece.step for piece in pieces(filters.since, filters.until, "month")}
        assert await found(database, filters, group_by, zone) == expected(
            records, filters, group_by, zone
        ), (filters, group_by, zone)
    assert sources == {"record", "quarter", "day", "month"}


async def test_no_grouping_is_one_row_also_of_nothing(filled):
    database, records = filled
    (whole,) = (await found(database, Filters(), [], "UTC")).values()
    assert whole == expected(records, Filters(), [], "UTC")[()]
    assert whole[0] == 400
    nothing = await found(database, Filters(user_id="nobody"), [], "UTC")
    assert nothing == {(): (0, dict.fromkeys(TOKEN_CLASSES, 0), Decimal(0))}
    assert await found(database, Filters(user_id="nobody"), ["day"], "UTC") == {}


async def test_groups_come_in_order_and_bounded(filled):
    database, _ = filled
    async with database.transaction() as connection:
        whole = await usage.sums(connection, Filters(), ["user", "day"], "UTC", 1000)
        part = await usage.sums(connection, Filters(), ["user", "day"], "UTC", 4)
    days = [one.group["day"] for one in whole if one.group["user"] == "alice"]
    assert len(days) == 11
    assert days == sorted(days)
    assert part == whole[:4]


async def test_midnight_is_the_zones_own(database):
    """18:30 UTC is midnight in Kolkata; in Berlin the 25th of October 2026 has 25 hours."""
    times = ["2026-10-24T18:29:59.999Z", "2026-10-24T18:30:00.000Z", "2026-10-24T22:00:00.000Z"]
    times += ["2026-10-25T22:59:59.999Z", "2026-10-25T23:00:00.000Z"]
    async with database.transaction() as connection:
        await partitions.ensure(connection, int(SINCE.timestamp() * 1000))
        moments = [datetime.fromisoformat(time) for time in times]
        await ledger.insert(connection, [make_record(id=ulid_at(moment)) for moment in moments])
    days = {
        zone: {
            key[0]: sums[0]
            for key, sums in (await found(database, Filters(), ["day"], zone)).items()
        }
        for zone in ("Asia/Kolkata", "Europe/Berlin")
    }
    assert days == {
        "Asia/Kolkata": {"2026-10-24": 1, "2026-10-25": 2, "2026-10-26": 2},
        "Europe/Berlin": {"2026-10-24": 2, "2026-10-25": 2, "2026-10-26": 1},
    }


@pytest.mark.parametrize("limit", [7, 439, 440, 441])
async def test_pages_of_records_give_every_row_once_newest_first(filled, limit):
    database, records = filled
    walked, page = [], [{"id": None}]
    async with database.transaction() as connection:
        while page:
            before = page[-1]["id"]
            page = await usage.records(connection, Filters(), before=before, limit=limit)
            assert len(page) <= limit
            walked += [row["id"] for row in page]
    assert walked == sorted((record.id for record in records), reverse=True)


async def test_records_come_as_they_were_and_as_filtered(filled):
    database, records = filled
    filters = Filters(
        since=SINCE + timedelta(days=2), until=UNTIL - timedelta(days=2), team_id=TEAMS[1]
    )
    async with database.transaction() as connection:
        page = await usage.records(connection, filters, before=None, limit=1000)
        by_model = await usage.records(connection, Filters(model="small"), before=None, limit=1000)
    kept = sorted((r for r in records if _passes(r, filters)), key=lambda r: r.id, reverse=True)
    assert [row["id"] for row in page] == [record.id for record in kept]
    first, record = page[0], kept[0]
    assert first["tokens"] == {name: getattr(record.tokens, name) for name in TOKEN_CLASSES}
    assert first["occurred_at"] == _moment(record)
    assert first["cost_usd"] == Decimal(record.cost_usd)
    for name in ("key_id", "team_id", "account_id", "adjusts", "user_id", "status", "tags"):
        assert first[name] == getattr(record, name)
    assert "posted_at" not in first
    assert {row["id"] for row in by_model} == {
        record.id
        for record in records
        if (record.model_served or record.model_requested) == "small"
    }
