"""Who used most: places, by what and in which metric, over the usage that was asked for."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from common.domain.ids import encode_ulid
from common.domain.usage import TOKEN_CLASSES, Tokens
from common.store import ledger, partitions
from common.store.database import Database
from tests.support.admin_checks import UNKNOWN, fields
from tests.support.usage_records import make_adjustment, make_record, ulid_at

BOARD = "/internal/usage/leaderboard"
START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
IDS = [encode_ulid(1_700_000_000_000 + number, bytes(10)) for number in range(6)]
(FIRST_KEY, SECOND_KEY, *TEAMS), ACCOUNTS = IDS[:4], IDS[4:]
COUNTED = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
# User, key, team, account, model, input tokens, cached tokens, USD, minutes after the start.
USED = [
    ("alice", FIRST_KEY, TEAMS[0], ACCOUNTS[0], "gpt-4o", 10, 0, "3", 0),
    ("alice", FIRST_KEY, TEAMS[0], ACCOUNTS[0], "gpt-4o-mini", 10, 0, "0.5", 7),
    ("bob", SECOND_KEY, TEAMS[1], ACCOUNTS[1], "gpt-4o", 5, 400, "2", 20),
    ("carol", SECOND_KEY, None, ACCOUNTS[1], "o3", 1, 0, "0.25", 40),
    ("carol", SECOND_KEY, None, ACCOUNTS[1], "o3", 1, 0, "0.25", 41),
    ("carol", SECOND_KEY, None, ACCOUNTS[1], "o3", 1, 0, "0.25", 65),
    ("dave", FIRST_KEY, TEAMS[0], ACCOUNTS[0], "gpt-4o", 5, 0, "2", 70),
]
COLUMNS = {"user": 0, "key": 1, "team": 2, "account": 3, "model": 4}


def record_of(user, key, team, account, model, tokens, cached, usd, minutes):
    return make_record(
        id=ulid_at(START + timedelta(minutes=minutes)),
        user_id=user,
        key_id=key,
        team_id=team,
        account_id=account,
        model_served=model,
        tokens=Tokens(input=tokens, cache_read=cached, reasoning=10**6),
        cost_usd=f"{Decimal(usd):.12f}",
    )


@pytest.fixture(scope="module")
def board(served):
    """The module's process with that usage in its ledger."""

    async def insert():
        database = Database(served.database_url)
        async with database.transaction() as connection:
            await partitions.ensure(connection, int(START.timestamp() * 1000))
            made = [record_of(*used) for used in USED]
            assert len(await ledger.insert(connection, made)) == len(USED)
        await database.close()

    asyncio.run(insert())
    return served


def places(key_admin, **query):
    """The names on the board, best first; ranks are counted from one."""
    answer = key_admin.get(BOARD, **query)
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [item["rank"] for item in items] == list(range(1, len(items) + 1))
    return [item["group"][query.get("by", "user")] for item in items]


def expected(by, metric, used=USED):
    """(name, amount), most first."""
    sums = {}
    for one in used:
        amount = {"cost": Decimal(one[7]), "requests": 1, "tokens": one[5] + one[6]}[metric]
        name = one[COLUMNS[by]]
        sums[name] = sums.get(name, 0) + amount
    # Those without a team come after all others that have as much.
    return sorted(sums.items(), key=lambda one: (-one[1], one[0] is None, one[0] or ""))


@pytest.mark.parametrize("metric", ["cost", "requests", "tokens"])
@pytest.mark.parametrize("by", COLUMNS)
def test_who_used_most_comes_first(board, by, metric):
    answer = board.get(BOARD, by=by, metric=metric)
    assert answer.status_code == 200, answer.text
    found = []
    for item in answer.json()["items"]:
        amounts = {
            "cost": Decimal(item["cost_usd"]),
            "requests": item["requests"],
            "tokens": sum(item["tokens"][name] for name in COUNTED),
        }
        assert set(item["tokens"]) == set(TOKEN_CLASSES)
        assert len(item["cost_usd"].partition(".")[2]) == 12
        found.append((item["group"][by], amounts[metric]))
    assert found == expected(by, metric)


def test_it_is_of_users_by_cost_unless_said_otherwise(board):
    assert places(board) == ["alice", "bob", "dave", "carol"]
    assert places(board, metric="tokens") == ["bob", "alice", "dave", "carol"]
    assert places(board, metric="requests") == ["carol", "alice", "bob", "dave"]


def test_equal_ones_come_by_name_and_have_places_of_their_own(board):
    assert places(board, since=(START + timedelta(minutes=15)).isoformat()) == [
        "bob", "dave", "carol",
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_it_is_as_long_as_asked_for(board, limit):
    assert places(board, limit=limit) == ["alice", "bob", "dave", "carol"][:limit]


@pytest.mark.parametrize("minutes", [15, 41])
def test_bounds_on_steps_and_off_them(board, minutes):
    """Off the steps of the rollups the ledger is read up to the next one."""
    moment = START + timedelta(minutes=minutes)
    for bound, used in (
        ("since", [one for one in USED if one[8] >= minutes]),
        ("until", [one for one in USED if one[8] < minutes]),
    ):
        names = [name for name, _ in expected("user", "cost", used)]
        assert places(board, **{bound: moment.isoformat()}) == names


def test_filters_narrow_it(board):
    assert places(board, team_id=TEAMS[0]) == ["alice", "dave"]
    assert places(board, key_id=SECOND_KEY, by="model") == ["gpt-4o", "o3"]
    assert places(board, model="gpt-4o", metric="requests") == ["alice", "bob", "dave"]
    assert places(board, user_id="nobody") == []


def test_an_adjustment_takes_its_money_back(board):
    first = record_of("eve", *USED[0][1:6], 0, "9", 0)

    async def insert():
        database = Database(board.database_url)
        async with database.transaction() as connection:
            back = make_adjustment(
                first, user_id="eve", tokens=Tokens(), cost_usd="-8.900000000000"
            )
            await partitions.ensure(connection, int(datetime.now(UTC).timestamp() * 1000))
            assert len(await ledger.insert(connection, [first, back])) == 2
        await database.close()

    try:
        asyncio.run(insert())
        assert places(board)[-1] == "eve"
        (item,) = board.get(BOARD, user_id="eve").json()["items"]
        assert (item["requests"], item["cost_usd"]) == (1, "0.100000000000")
    finally:
        for table in ("ledger", "usage_rollups"):
            board.rows(f"DELETE FROM {table} WHERE user_id = 'eve'")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"by": "day"}, "by"), ({"by": ""}, "by"), ({"metric": "latency"}, "metric"),
        ({"limit": "0"}, "limit"), ({"limit": "101"}, "limit"), ({"limit": "all"}, "limit"),
        ({"tz": "Mars"}, "tz"), ({"since": "now"}, "since"), ({"team_id": "x"}, "team_id"),
        ({"since": "2026-05-02", "until": "2026-05-01"}, "until"), ({"cursor": UNKNOWN}, "cursor"),
        ({"group_by": "user"}, "group_by"),
    ],
)  # fmt: skip
def test_a_wrong_query_is_named(board, query, field):
    assert fields(board.get(BOARD, **query)) == [field]
