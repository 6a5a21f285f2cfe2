"""Limits and budgets in Postgres, and the counters that a projection begins with."""

from datetime import UTC, datetime, timedelta

import pytest

from common import projection
from common.domain.ids import ulid_to_uuid
from common.domain.keys import KeyRecord, hash_key
from common.domain.limits import count_key, money_key
from common.domain.periods import Calendar, span_of
from common.domain.policies import (
    NO_POLICY,
    ORGANISATION,
    Budget,
    Limits,
    Policy,
    Window,
    key_scope,
    team_scope,
    user_scope,
)
from common.domain.usage import Tokens
from common.identifiers import new_ulid, now_ms
from common.projection import (
    project_key,
    put_policies,
    put_policy_ahead,
    rebuild,
    settle_ahead,
)
from common.state.admission import Admission
from common.state.client import RedisPyCommands
from common.store import directory, keys, ledger, policies
from tests.support.usage_records import make_record, ulid_at

PREFIX = "{relay}"
TEAM = "01ARYZ6S41TSV4RRFFQ69G5FAV"
BERLIN = Calendar("Europe/Berlin", "sunday", 4)
FULL = Policy(
    Limits(1, 2, 3, 4, 5, Window(6, 7, 8, "9.5")), (Budget("week", "1.50", "deny"),), BERLIN
)
BUDGETS = (Budget("total", "9", "deny"), Budget("month", "5"), Budget("day", "1", "soft"))


class World:
    """Both stores."""

    def __init__(self, database, redis_url: str) -> None:
        self.database = database
        self.commands = RedisPyCommands.from_url(redis_url)
        self.stores = (database, self.commands, PREFIX)

    async def put_team(self, policy: Policy) -> None:
        async with self.database.transaction() as connection:
            await directory.create_team(connection, TEAM, "team", "", policy)

    async def put_user(self, policy: Policy) -> None:
        async with self.database.transaction() as connection:
            await directory.create_user(connection, "alice", "", "", None, policy)

    async def put_organisation(self, policy: Policy) -> None:
        async with self.database.transaction() as connection:
            found = await policies.organisation(connection)
            assert await policies.update_organisation(connection, policy, found.version)
            assert not await policies.update_organisation(connection, policy, found.version)

    async def put_key(self, policy: Policy) -> KeyRecord:
        record = KeyRecord(id=new_ulid(), user_id="alice", team_id=TEAM, policy=policy)
        async with self.database.transaction() as connection:
            return (await keys.create(connection, record, None, hash_key(record.id), "cr_")).record

    async def spend(self, *records) -> None:
        async with self.database.transaction() as connection:
            await ledger.insert(connection, records)

    async def hash(self, key: str) -> dict[str, int]:
        flat = await self.commands.call("HGETALL", f"{PREFIX}:{key}")
        pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
        return {name.decode(): int(value) for name, value in pairs}

    async def policy(self, scope: str) -> bytes | None:
        return await self.commands.call("HGET", f"{PREFIX}:policy:{scope}", "r")


@pytest.fixture
async def world(ledger_database, redis_url):
    world = World(ledger_database, redis_url)
    yield world
    await world.commands.close()


async def test_each_level_keeps_its_policy(world):
    await world.put_team(FULL)
    await world.put_user(FULL)
    await world.put_organisation(FULL)
    async with world.database.transaction() as connection:
        assert (await policies.organisation(connection)).policy == FULL
        team = await directory.find_team(connection, TEAM)
        assert team.policy == FULL
        user = await directory.find_user(connection, "alice")
        changed = Policy(budgets=BUDGETS)
        assert await directory.update_user(
            connection, directory.User(**{**_members(user), "policy": changed})
        )
        assert (await directory.find_user(connection, "alice")).policy == changed
        found = await policies.projected(connection)
        scopes = [ORGANISATION, team_scope(TEAM), user_scope("alice")]
        assert [one.scope for one in found] == scopes
        assert [one.policy for one in found] == [FULL, FULL, changed]
        assert await policies.projected(connection, after=ORGANISATION, limit=1) == found[1:2]
        assert await policies.projected(connection, scope=scopes[2]) == found[2:]


def _members(struct) -> dict:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


async def test_what_limits_nothing_is_not_projected_but_by_name(world):
    await world.put_team(Policy(calendar=BERLIN))
    async with world.database.transaction() as connection:
        assert await policies.projected(connection) == []
        (found,) = await policies.projected(connection, scope=team_scope(TEAM))
        assert found.policy == Policy(calendar=BERLIN)


async def test_a_rebuild_brings_policies_and_what_was_spent_of_living_periods(world):
    now = datetime.now(UTC)
    policy = Policy(Limits(requests_per_day=10, tokens_per_day=10), BUDGETS)
    await world.put_team(policy)
    await world.put_user(policy)
    await world.put_organisation(policy)
    key = await world.put_key(policy)
    own = {"key_id": key.id, "team_id": TEAM, "cost_usd": "0.0000000015"}
    long_ago = ulid_at(now - timedelta(days=45))
    await world.spend(
        make_record(**own, tokens=Tokens(5, 6, 7)),
        make_record(**own, id=long_ago),
        make_record(cost_usd="1"),
    )
    assert await rebuild(*world.stores)
    nano = {
        key_scope(key.id): (3, 2), team_scope(TEAM): (3, 2),
        user_scope("alice"): (10**9 + 3, 10**9 + 2), ORGANISATION: (10**9 + 3, 10**9 + 2),
    }  # fmt: skip
    for scope, (in_all, lately) in nano.items():
        spans = {
            period: span_of(period, now_ms(), Calendar()) for period in ("total", "month", "day")
        }
        assert await world.hash(money_key(scope, "total")) == {"s": in_all}
        for period in ("month", "day"):
            key_name = money_key(scope, spans[period].id)
            assert await world.hash(key_name) == {"s": lately}
            assert await world.commands.call("PTTL", f"{PREFIX}:{key_name}") > 0
        used = await world.hash(count_key(scope, spans["day"].id))
        assert used == ({"r": 1, "t": 18} if lately == 2 else {"r": 2, "t": 39})
    for scope in (team_scope(TEAM), user_scope("alice"), ORGANISATION):
        assert b'"requests_per_day":10' in await world.policy(scope)


async def test_other_calendars_periods_are_summed_from_the_rollups(world):
    moment = datetime.fromtimestamp(now_ms() / 1000, UTC)
    policy = Policy(budgets=(Budget("week", "5"),), calendar=BERLIN)
    await world.put_team(NO_POLICY)
    key = await world.put_key(policy)
    span = span_of("week", now_ms(), BERLIN)
    first = datetime.fromtimestamp(span.start_ms / 1000, UTC)
    await world.spend(
        make_record(key_id=key.id, id=ulid_at(moment), cost_usd="0.000000004"),
        make_record(key_id=key.id, id=ulid_at(first), cost_usd="0.000000002"),
        make_record(
            key_id=key.id, id=ulid_at(first - timedelta(milliseconds=1)), cost_usd="0.000000001"
        ),
    )
    assert await project_key(*world.stores, hash_key(key.id))
    assert await world.hash(money_key(key_scope(key.id), span.id)) == {"s": 6}


async def test_a_counter_that_shows_more_is_left_alone(world):
    await world.put_team(NO_POLICY)
    key = await world.put_key(Policy(budgets=BUDGETS))
    await world.spend(make_record(key_id=key.id, cost_usd="0.000000004"))
    name = money_key(key_scope(key.id), "total")
    await world.commands.call("HSET", f"{PREFIX}:{name}", "s", 9, "r", 5)
    await project_key(*world.stores, hash_key(key.id))
    assert await world.hash(name) == {"s": 9, "r": 5}


async def test_a_policy_that_is_gone_does_not_come_back(world):
    await world.put_team(FULL)
    scope = team_scope(TEAM)
    async with world.database.transaction() as connection:
        found = await policies.projected(connection, scope=scope)
        await put_policy_ahead(connection, world.commands, PREFIX, found[0])
    assert await world.policy(scope)
    async with world.database.transaction() as connection:
        await directory.delete_team(connection, TEAM)
    await settle_ahead(*world.stores)
    assert await world.policy(scope) == b""
    async with world.database.transaction() as connection:
        await put_policies(connection, world.commands, PREFIX, found)
    assert await world.policy(scope) == b""


@pytest.mark.parametrize("scope", [ORGANISATION, team_scope(TEAM), user_scope("a:b")])
async def test_what_was_never_committed_is_taken_back(world, scope):
    await world.put_team(NO_POLICY)
    async with world.database.transaction() as connection:
        await directory.create_user(connection, "a:b", "", "", None, NO_POLICY)
        version = await policies.next_version(connection)
        ahead = policies.ProjectedPolicy(scope, FULL, version)
        await put_policy_ahead(connection, world.commands, PREFIX, ahead)
    assert await world.policy(scope)
    assert await settle_ahead(*world.stores) == 1
    assert await world.policy(scope) == b""
    assert await settle_ahead(*world.stores) == 0
    async with world.database.transaction() as connection:
        (found,) = await policies.projected(connection, scope=scope)
    assert found.version > version


async def test_a_rebuild_takes_policies_page_by_page(world, monkeypatch):
    monkeypatch.setattr(projection, "PAGE", 1)
    await world.put_team(FULL)
    await world.put_user(FULL)
    assert await rebuild(*world.stores)
    for scope in (team_scope(TEAM), user_scope("alice")):
        assert await world.policy(scope)


async def test_admission_finds_the_policies_of_a_projected_key(world):
    await world.put_team(FULL)
    key = await world.put_key(NO_POLICY)
    await rebuild(*world.stores)
    answer = await Admission(world.commands, PREFIX).verify(hash_key(key.id), address="x")
    async with world.database.transaction() as connection:
        team = await directory.find_team(connection, TEAM)
    assert answer.versions == f"{key.version} 0 {team.version} 0 0 0"
    assert b'"concurrency":5' in answer.policies[1]
    assert str(ulid_to_uuid(TEAM)) in team_scope(TEAM)
