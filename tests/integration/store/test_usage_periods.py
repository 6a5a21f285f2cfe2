"""Sums of whole days and months: always those of the rollups, and the same answers as they give."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from common.domain.usage import TOKEN_CLASSES, Tokens
from common.identifiers import new_ulid
from common.store import leaders, ledger, partitions, retention, usage
from common.store.migrate import migrations
from common.store.usage import GROUPINGS, Filters
from tests.support.usage_records import make_adjustment, make_record, ulid_at

BEGIN, END = datetime(2026, 8, 20, tzinfo=UTC), datetime(2026, 11, 9, 7, 30, tzinfo=UTC)
QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
ZONES = ("UTC", "Etc/UTC", "Asia/Kolkata", "Europe/Berlin")
KEYS, TEAMS = [new_ulid() for _ in range(3)], [None, new_ulid()]

DIMENSIONS = "key_id, user_id, team_id, account_id, provider, model, endpoint, status"
FIGURES = (*("requests", "cost_usd", "unpriced_requests", "markup_usd"), *TOKEN_CLASSES)
SUMMED = " UNION ALL ".join(
    f"SELECT '{step}' AS step, date_trunc('{step}', since, 'UTC') AS since, {DIMENSIONS}, "
    f"count(*) AS parts, {', '.join(f'sum({name}) AS {name}' for name in FIGURES)} "
    f"FROM usage_rollups GROUP BY 2, {DIMENSIONS}"
    for step in ("day", "month")
)
KEPT = f"SELECT step, since, {DIMENSIONS}, parts, {', '.join(FIGURES)} FROM usage_periods"

# What each cut keeps of a row; the rest is NULL.
CUTS = {
    "all": ({"status"}, ("quarter", "day", "month")),
    "team": ({"status", "team_id"}, ("day", "month")),
    "served": ({"status", "account_id", "provider", "model", "endpoint"}, ("day", "month")),
}
TYPES = {"team_id": "uuid", "account_id": "uuid"}
CUT_COLUMNS = ("team_id", "account_id", "provider", "model", "endpoint", "status")
CUT_SUMS = " UNION ALL ".join(
    f"SELECT '{cut}' AS cut, '{step}' AS step, "
    + ("since" if step == "quarter" else f"date_trunc('{step}', since, 'UTC') AS since")
    + "".join(
        f", {name}" if name in kept else f", NULL::{TYPES.get(name, 'text')}"
        for name in CUT_COLUMNS
    )
    + f", count(*) AS parts, {', '.join(f'sum({name})' for name in FIGURES)} "
    f"FROM usage_rollups GROUP BY 3, {', '.join(sorted(kept))}"
    for cut, (kept, steps) in CUTS.items()
    for step in steps
)
CUT_KEPT = (
    f"SELECT cut, step, since, {', '.join(CUT_COLUMNS)}, parts, {', '.join(FIGURES)} "
    "FROM usage_cuts"
)


def drawn(draw: random.Random):
    moment = BEGIN + timedelta(milliseconds=draw.randrange((END - BEGIN) // timedelta(0, 0, 1000)))
    return make_record(
        id=ulid_at(moment),
        key_id=draw.choice(KEYS),
        user_id=draw.choice(("alice", "bob")),
        team_id=draw.choice(TEAMS),
        model_served=draw.choice((None, "small-1", "large-2")),
        status=draw.choice(("ok", "error")),
        price_version=draw.choice(("2026-11-25", "unpriced")),
        tokens=Tokens(*(draw.randrange(1000) for _ in TOKEN_CLASSES)),
        cost_usd=f"{draw.randrange(100)}.{draw.randrange(10**12):012d}",
    )


async def rows(database, statement: str):
    async with database.transaction() as connection:
        return await (await connection.execute(statement.encode())).fetchall()


async def check(database) -> int:
    """The table is what the rollups sum up to; how many rows it has."""
    for kept, summed in ((KEPT, SUMMED), (CUT_KEPT, CUT_SUMS)):
        both = f"(({kept}) EXCEPT ALL ({summed})) UNION ALL (({summed}) EXCEPT ALL ({kept}))"
        assert await rows(database, both) == []
    return len(await rows(database, "SELECT FROM usage_periods"))


@pytest.fixture
async def filled(database):
    """A database with records of 81 days, in batches of four at once, some of them twice."""
    draw = random.Random(20261126)
    records = [drawn(draw) for _ in range(900)]
    records += [
        make_adjustment(record, id=ulid_at(END), key_id=record.key_id) for record in records[::10]
    ]
    async with database.transaction() as connection:
        await partitions.ensure(connection, int(BEGIN.timestamp() * 1000))
    batches = [draw.sample(records, 300) for _ in range(4)]

    async def post(batch) -> None:
        async with database.transaction() as connection:
            await ledger.insert(connection, batch)

    await asyncio.gather(*map(post, batches))
    await post(records)
    return database


async def test_they_are_kept_whatever_happens_to_rollups(filled):
    count = await check(filled)
    assert count > 100
    async with filled.transaction() as connection:
        deleted = await retention.delete_old(connection, "usage_rollups", BEGIN + 15 * DAY, 40)
        deleted += await retention.delete_old(connection, "usage_rollups", BEGIN + 15 * DAY, 900)
    assert deleted > 40
    fewer = await check(filled)
    assert 100 < fewer < count
    async with filled.transaction() as connection:
        await connection.execute(
            "UPDATE usage_rollups SET requests = requests + 1, cost_usd = cost_usd - 0.5, "
            "status = 'error' WHERE status = 'error' OR since > '2026-10-01Z' AND user_id = 'bob' "
            "AND NOT EXISTS (SELECT FROM usage_rollups o WHERE o.since = usage_rollups.since "
            "AND o.status = 'error')"
        )
        # A dimension has changed: what has no part any more is no answer.
        await connection.execute("DELETE FROM usage_periods WHERE parts = 0")
        await connection.execute("DELETE FROM usage_cuts WHERE parts = 0")
    await check(filled)
    async with filled.transaction() as connection:
        await connection.execute("TRUNCATE usage_rollups")
    assert await check(filled) == 0


async def test_what_is_undone_leaves_nothing(filled):
    before = await rows(filled, KEPT + " ORDER BY step, since, 3, 4, 5, 8, 10")
    async with filled.transaction() as connection, connection.transaction(force_rollback=True):
        await ledger.insert(connection, [drawn(random.Random(5))])
    assert await rows(filled, KEPT + " ORDER BY step, since, 3, 4, 5, 8, 10") == before


async def test_the_migration_sums_up_what_was_there(filled):
    names = ("0011_pre_aggregation", "0020_pre_scale")
    texts = [one.text for one in migrations() if one.name in names]
    async with filled.transaction() as connection:
        for table in ("usage_periods", "usage_cuts"):
            for kind in ("insert", "update", "delete", "truncate"):
                await connection.execute(f"DROP FUNCTION {table}_after_{kind} CASCADE".encode())
            await connection.execute(f"DROP TABLE {table}".encode())
        # Written by an older version, until the migration and after it.
        await ledger.insert(connection, [drawn(random.Random(6))])
        for text in texts:
            await connection.execute(text)
    assert await check(filled) > 100
    async with filled.transaction() as connection:
        await ledger.insert(connection, [drawn(random.Random(7))])
    await check(filled)


async def test_answers_are_those_of_the_rollups(filled, monkeypatch):
    draw = random.Random(8)
    asked = set()
    for _ in range(120):
        step = draw.choice((QUARTER, DAY, DAY))
        since, until = sorted(
            BEGIN - 20 * DAY + step * draw.randrange((END - BEGIN + 60 * DAY) // step)
            for _ in range(2)
        )
        if draw.random() < 0.3:
            since, until = (moment.replace(day=1, hour=0, minute=0) for moment in (since, until))
        filters = Filters(
            since=draw.choice((None, since)),
            until=draw.choice((None, until)),
            key_id=draw.choice((None, None, *KEYS)),
            team_id=draw.choice((None, None, TEAMS[1])),
            model=draw.choice((None, None, "small-1")),
            status=draw.choice((None, None, "ok")),
        )
        group_by = draw.sample(sorted(GROUPINGS), draw.randrange(4))
        zone = draw.choice(ZONES)
        most = draw.choice((None, "cost")) if group_by else None
        asked.add(usage.coarsest(group_by, zone))
        arguments = (filters, group_by, zone, 10_000)
        async with filled.transaction() as connection:
            answer = await usage.sums(connection, *arguments, most=most)
            with monkeypatch.context() as patched:
                patched.setattr(usage, "coarsest", lambda *_: "quarter")
                patched.setattr(usage, "cut_for", lambda *_: None)
                exact = await usage.sums(connection, *arguments, most=most)
        assert answer == exact, (filters, group_by, zone)
    assert asked == {"quarter", "day", "month"}


async def test_a_report_over_a_long_time_reads_few_rows(filled):
    """Not one rollup where both bounds are midnights of UTC, whatever else is asked."""
    filters = Filters(since=BEGIN + DAY, until=BEGIN + 70 * DAY, key_id=KEYS[0])
    async with filled.transaction() as connection:
        before = await usage.sums(connection, filters, ["model", "day"], "UTC", 1000)
        assert before
        await connection.execute("ALTER TABLE usage_rollups RENAME TO rollups_elsewhere")
        assert await usage.sums(connection, filters, ["model", "day"], "UTC", 1000) == before
        assert await usage.sums(connection, Filters(), ["team"], "Asia/Kolkata", 1000)
        await connection.execute("ALTER TABLE rollups_elsewhere RENAME TO usage_rollups")


async def test_a_board_is_what_it_would_be_of_everybody(filled, monkeypatch):
    """With so few kept that some must be looked for again, and after postings of days before."""
    monkeypatch.setattr(leaders, "_KEPT_MIN", 2)
    monkeypatch.setattr(leaders, "_KEPT_FOR_ONE", 1)
    draw, kept = random.Random(9), {}
    for number in range(60):
        since = draw.choice((None, BEGIN, BEGIN + 30 * DAY))
        until = draw.choice((None, END, BEGIN + 60 * DAY))
        filters = Filters(
            since=since, until=until, status=draw.choice((None, "ok")),
            team_ids=draw.choice((None, None, [TEAMS[1]])),
        )  # fmt: skip
        by, metric = draw.choice(("key", "user")), draw.choice(tuple(usage.METRICS))
        now = BEGIN + draw.choice((40, 70)) * DAY + QUARTER
        limit = draw.choice((1, 2, 5))
        over = leaders.over_until(filters, by, now)
        if over is None:
            continue
        asked = str((filters, by, metric, limit, over))
        async with filled.transaction() as connection:
            if number % 10 == 9:
                await ledger.insert(connection, [drawn(draw) for _ in range(20)])
            board, kept[asked] = await leaders.leaders(
                connection, filters, by, metric, limit, over, kept.get(asked)
            )
            exact = await usage.sums(connection, filters, [by], "UTC", limit, most=metric)
        assert board == exact, asked
    assert len(kept) > 20


def test_what_cannot_be_kept_is_summed_up():
    now = BEGIN + 40 * DAY
    assert leaders.over_until(Filters(since=BEGIN), "key", now) == now
    assert leaders.over_until(Filters(), "user", now) == now
    assert leaders.over_until(Filters(since=BEGIN, until=BEGIN + 3 * DAY), "key", now) == (
        BEGIN + 3 * DAY
    )
    for filters, by in (
        (Filters(), "model"),
        (Filters(since=now - DAY), "key"),
        (Filters(since=BEGIN + timedelta(seconds=1)), "key"),
        (Filters(user_id="bob"), "key"),
    ):
        assert leaders.over_until(filters, by, now) is None, (filters, by)
