"""The ledger: every record once, and sums that are those of its rows."""

from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from common.domain.ids import ulid_to_uuid
from common.domain.usage import TOKEN_CLASSES, Tokens
from common.store import audit, ledger
from common.store.migrate import migrations
from tests.support.usage_records import ACCOUNT_ID, KEY_ID, make_adjustment, make_record

TEAM_ID = "01ARYZ6S41TSV4RRFFQ69G5FAX"


async def insert(database, *records):
    async with database.transaction() as connection:
        return await ledger.insert(connection, records)


async def rows(database, statement, *values):
    async with database.transaction() as connection:
        return await (await connection.execute(statement, values)).fetchall()


async def test_a_record_is_written_as_it_was(ledger_database):
    record = make_record(
        team_id=TEAM_ID,
        model_served=None,
        status="error",
        tokens=Tokens(*range(1, 9)),
        latency_ms=None,
        client='Söme "Client"/1 \N{SNOWMAN} \\',
        error_code="rate_limited",
        tags=["a", "ü b", '{"', ""],
        cache_hit=True,
        service_tier="priority",
        searches=2,
        unit_prices={"input": 250_000, "search": 10**10},
        discount="0.15",
        priced_as="gpt-4o-mini",
    )
    assert await insert(ledger_database, record) == [ulid_to_uuid(record.id)]
    (row,) = await rows(ledger_database, "SELECT * FROM ledger")
    del row["posted_at"]
    expected = ledger.flat(record)
    for name in ("id", "key_id", "team_id", "account_id"):
        expected[name] = ulid_to_uuid(getattr(record, name))
    expected["occurred_at"] = datetime.fromisoformat(record.occurred_at)
    expected["cost_usd"] = Decimal(record.cost_usd)
    # Of the team, which is not there.
    expected["price_multiplier"] = 1
    assert row == expected


async def test_nothing_is_no_statement(ledger_database):
    assert await insert(ledger_database) == []


async def test_a_second_time_changes_nothing(ledger_database):
    record = make_record()
    assert await insert(ledger_database, record) == [ulid_to_uuid(record.id)]
    before = await everything(ledger_database)
    assert await insert(ledger_database, record) == []
    assert await insert(ledger_database, make_record(id=record.id, cost_usd="9")) == []
    assert await everything(ledger_database) == before


async def everything(database):
    return [
        await rows(database, f"SELECT * FROM {table} ORDER BY 1, 2")
        for table in ("ledger", "usage_rollups", "spend_totals")
    ]


async def test_only_new_rows_of_a_batch_are_summed_and_doubles_within_it_once(ledger_database):
    old, new = make_record(cost_usd="1"), make_record(cost_usd="0.5")
    await insert(ledger_database, old)
    assert await insert(ledger_database, new, old, new, new) == [ulid_to_uuid(new.id)]
    (row,) = await rows(
        ledger_database, "SELECT sum(requests) n, sum(cost_usd) c FROM usage_rollups"
    )
    assert (row["n"], row["c"]) == (2, Decimal("1.5"))
    assert await total(ledger_database, "organisation") == Decimal("1.5")


async def total(database, scope, period="total"):
    statement = "SELECT settled FROM spend_totals WHERE scope = %s AND period = %s"
    found = await rows(database, statement, scope, period)
    return found[0]["settled"] if found else None


async def test_an_adjustment_is_no_request_and_takes_back(ledger_database):
    record = make_record(tokens=Tokens(input=9, output=12), cost_usd="0.000010000000")
    await insert(ledger_database, record)
    adjustment = make_adjustment(
        record, occurred_at=record.occurred_at, tokens=Tokens(input=-9, output=3)
    )
    await insert(ledger_database, adjustment)
    (row,) = await rows(ledger_database, "SELECT * FROM usage_rollups")
    assert (row["requests"], row["input"], row["output"]) == (1, 0, 15)
    assert row["cost_usd"] == Decimal("0.000009")
    assert await total(ledger_database, "organisation") == Decimal("0.000009")


async def test_every_scope_has_its_total_in_every_period_of_utc(ledger_database):
    # 1 January 2027 is a Friday: still ISO week 53 of 2026.
    late = make_record(occurred_at="2026-12-31T23:59:59.999Z", team_id=TEAM_ID, cost_usd="1")
    early = make_record(occurred_at="2027-01-01T00:00:00.000Z", cost_usd="2", user_id="bob")
    free = make_record(occurred_at="2027-01-01T00:00:00.000Z", cost_usd="0", user_id="carol")
    await insert(ledger_database, late, early, free)
    found = await rows(ledger_database, "SELECT * FROM spend_totals")
    by_scope: dict[str, dict[str, Decimal]] = {}
    for row in found:
        by_scope.setdefault(row["scope"], {})[row["period"]] = row["settled"]
    both = {
        "total": 3, "day:2026-12-31": 1, "day:2027-01-01": 2, "week:2026-W53": 3,
        "month:2026-12": 1, "month:2027-01": 2,
    }  # fmt: skip
    ones = {"total": 1, "day:2026-12-31": 1, "week:2026-W53": 1, "month:2026-12": 1}
    assert by_scope == {
        "organisation": both,
        f"key:{ulid_to_uuid(KEY_ID)}": both,
        "user:alice": ones,
        f"team:{ulid_to_uuid(TEAM_ID)}": ones,
        "user:bob": {
            "total": 2, "day:2027-01-01": 2, "week:2026-W53": 2, "month:2027-01": 2,
        },
    }  # fmt: skip


async def test_requests_that_used_tokens_without_a_price_are_counted(ledger_database):
    at = "2026-11-24T10:00:00.000Z"
    free = {"occurred_at": at, "price_version": "unpriced", "cost_usd": "0"}
    first, second = make_record(**free), make_record(**free)
    of_a_team = make_record(**free, team_id=TEAM_ID)
    nothing_used = make_record(**free, tokens=Tokens())
    adjustment = make_adjustment(first, occurred_at=at, price_version="unpriced", cost_usd="0")
    priced = make_record(occurred_at=at, user_id="bob")
    await insert(ledger_database, first, of_a_team, priced)
    await insert(ledger_database, second, nothing_used, adjustment)
    statement = "SELECT user_id, team_id IS NULL AS alone, unpriced_requests FROM usage_rollups"
    counted = {
        (row["user_id"], row["alone"]): row["unpriced_requests"]
        for row in await rows(ledger_database, statement)
    }
    assert counted == {("alice", True): 2, ("alice", False): 1, ("bob", True): 0}
    # What was there before the column: the migration counts it the same.
    (migration,) = [one for one in migrations() if one.name == "0006_pre_unpriced"]
    async with ledger_database.transaction() as connection:
        await connection.execute("ALTER TABLE usage_rollups DROP COLUMN unpriced_requests")
        await connection.execute(migration.text)
    again = {
        (row["user_id"], row["alone"]): row["unpriced_requests"]
        for row in await rows(ledger_database, statement)
    }
    assert again == counted


async def test_money_is_exact_over_many_rows(ledger_database):
    records = [make_record(cost_usd="0.000000000001") for _ in range(300)]
    records += [make_record(cost_usd="9999999.999999999999") for _ in range(3)]
    await insert(ledger_database, *records)
    exact = 3 * Decimal("9999999.999999999999") + 300 * Decimal("0.000000000001")
    assert await total(ledger_database, "organisation") == exact
    (row,) = await rows(ledger_database, "SELECT sum(cost_usd) AS cost FROM usage_rollups")
    assert row["cost"] == exact


async def test_tokens_are_summed_class_by_class(ledger_database):
    records = [make_record(tokens=Tokens(*(10**n * m for n in range(8)))) for m in (1, 2, 3)]
    occurred_at = records[0].occurred_at
    await insert(
        ledger_database, *(make_record(tokens=r.tokens, occurred_at=occurred_at) for r in records)
    )
    (row,) = await rows(ledger_database, "SELECT * FROM usage_rollups")
    assert [row[name] for name in TOKEN_CLASSES] == [6 * 10**n for n in range(8)]


async def test_rollups_have_a_row_a_quarter_of_an_hour_and_dimension(ledger_database):
    times = ["10:00:00.000", "10:14:59.999", "10:15:00.000", "23:59:59.999"]
    records = [make_record(occurred_at=f"2026-11-24T{time}Z") for time in times]
    other = [
        make_record(occurred_at="2026-11-24T10:00:00Z", **change)
        for change in (
            {"team_id": TEAM_ID}, {"user_id": "bob"}, {"status": "error"}, {"provider": "p"},
            {"key_id": TEAM_ID}, {"account_id": KEY_ID}, {"endpoint": "messages"},
            {"model_served": "other"},
        )
    ]  # fmt: skip
    unserved = make_record(
        occurred_at="2026-11-24T10:01:00Z", model_served=None, model_requested="other"
    )
    await insert(ledger_database, *records, *other, unserved)
    found = await rows(ledger_database, "SELECT * FROM usage_rollups ORDER BY since")
    assert len(found) == 3 + len(other)
    own = [
        (f"{row['since']:%H:%M}", row["requests"])
        for row in found
        if (row["model"], row["team_id"], row["user_id"], row["status"], row["provider"])
        == (records[0].model_served, None, "alice", "ok", "openai")
        and (row["key_id"], row["account_id"]) == (ulid_to_uuid(KEY_ID), ulid_to_uuid(ACCOUNT_ID))
        and row["endpoint"] == "chat.completions"
    ]
    assert own == [("10:00", 2), ("10:15", 1), ("23:45", 1)]
    assert [row["requests"] for row in found if row["model"] == "other"] == [2]
    assert found[0]["since"] == datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes", [{"occurred_at": "noon"}, {"latency_ms": 2**40}, {"status": "odd"}, {"client": "\0"}]
)
async def test_what_a_column_cannot_hold_is_an_error_and_leaves_nothing(ledger_database, changes):
    with pytest.raises((psycopg.DataError, psycopg.IntegrityError)):
        await insert(ledger_database, make_record(), make_record(**changes))
    assert await everything(ledger_database) == [[], [], []]


async def test_quarantine_keeps_the_bytes_once_for_each_reason(ledger_database):
    async with ledger_database.transaction() as connection:
        for reason in ("malformed", "malformed", "refused"):
            await ledger.quarantine(connection, reason, "de\0tail", "1-1", b"\0\xff record")
    found = await rows(ledger_database, "SELECT * FROM quarantine ORDER BY reason")
    assert [(row["reason"], row["detail"], row["outbox_id"], row["record"]) for row in found] == [
        ("malformed", "detail", "1-1", b"\0\xff record"),
        ("refused", "detail", "1-1", b"\0\xff record"),
    ]


async def test_an_audit_row_has_its_ids_time(ledger_database):
    async with ledger_database.transaction() as connection:
        await audit.write(
            connection,
            audit_id=KEY_ID,
            actor="master",
            action="key.create",
            subject_kind="key",
            subject_id=ACCOUNT_ID,
            address="10.0.0.1",
            detail={"name": "team"},
        )
    (row,) = await rows(ledger_database, "SELECT * FROM audit")
    assert row == {
        "id": ulid_to_uuid(KEY_ID),
        "occurred_at": datetime(2016, 7, 30, 22, 36, 16, 385000, tzinfo=UTC),
        "actor": "master",
        "via": "",
        "action": "key.create",
        "subject_kind": "key",
        "subject_id": ACCOUNT_ID,
        "address": "10.0.0.1",
        "detail": {"name": "team"},
    }
