"""API keys in Postgres: rows, pages, revocation, and what of them Redis is to know."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from common.domain.ids import ulid_to_uuid
from common.domain.keys import KeyRecord, hash_key
from common.domain.periods import Calendar
from common.domain.policies import Budget, Limits, Policy, Window
from common.domain.routing import Routing
from common.identifiers import new_ulid
from common.store import keys, ledger
from tests.support.usage_records import make_record

TOMORROW = datetime.now(UTC).replace(microsecond=123000) + timedelta(days=1)


def make_key(**changes) -> KeyRecord:
    return KeyRecord(**({"id": new_ulid(), "user_id": "alice", "name": "team-alpha"} | changes))


async def create(database, record: KeyRecord | None = None, expires_at=None) -> keys.Key:
    record = record or make_key()
    async with database.transaction() as connection:
        return await keys.create(
            connection, record, expires_at, hash_key(record.id), f"cr_{record.id[-8:]}"
        )


async def asked(database, function, *arguments, **options):
    async with database.transaction() as connection:
        return await function(connection, *arguments, **options)


async def test_a_key_is_found_as_it_was_created(database):
    team_id = new_ulid()
    async with database.transaction() as connection:
        values = [ulid_to_uuid(team_id), "team"]
        await connection.execute("INSERT INTO teams VALUES (%s, %s, '', 1)", values)
    record = make_key(
        team_id=team_id,
        scopes=["chat"],
        models_allow=["gpt-*"],
        models_deny=["*-preview"],
        expires_at_ms=int(TOMORROW.timestamp() * 1000),
        tags=["a", "ü"],
        policy=Policy(
            limits=Limits(requests_per_minute=10, window=Window(5, usd="0.5")),
            budgets=(Budget("day", "1.5", "deny"),),
            calendar=Calendar("Europe/Berlin", "sunday", 4),
            routing=Routing(group_id=new_ulid(), regions=("eu",)),
        ),
    )
    made = await create(database, record, TOMORROW)
    assert made.record.version > 0
    expected = keys.Key(
        record=KeyRecord(**{**_members(record), "version": made.record.version}),
        status="active",
        key_prefix=f"cr_{record.id[-8:]}",
        created_at=made.created_at,
        updated_at=made.created_at,
        expires_at=TOMORROW,
        revoked_at=None,
        last_used_at=None,
        activated_at=None,
    )
    assert made == expected
    assert abs(made.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert await asked(database, keys.find, record.id) == expected


def _members(record: KeyRecord) -> dict:
    return {name: getattr(record, name) for name in KeyRecord.__struct_fields__}


async def test_a_key_that_is_not_there_is_none(database):
    assert await asked(database, keys.find, new_ulid()) is None


async def test_a_secret_belongs_to_one_key(database):
    made = await create(database)
    with pytest.raises(psycopg.IntegrityError):
        await asked(database, keys.create, make_key(), None, hash_key(made.record.id), "cr_other")
    assert len(await asked(database, keys.page, limit=10)) == 1
    assert len(await asked(database, keys.pending_changes, 10)) == 1


async def test_pages_give_every_key_once_newest_first(database):
    made = [(await create(database)).record.id for _ in range(7)]
    walked, page = [], [None]
    while page:
        before = page[-1].record.id if page[-1] else None
        page = await asked(database, keys.page, after=before, limit=3)
        walked.append([key.record.id for key in page])
    newest = sorted(made, reverse=True)
    assert walked == [newest[:3], newest[3:6], newest[6:], []]


async def test_pages_are_filtered_by_user_and_status(database):
    first = await create(database, make_key(user_id="bob"))
    second = await create(database, make_key(user_id="bob"))
    third = await create(database, make_key(user_id="alice"))
    await asked(database, keys.revoke, first.record.id)

    async def found(**filters):
        page = await asked(database, keys.page, limit=10, **filters)
        return [key.record.id for key in page]

    assert await found(user_id="bob") == [second.record.id, first.record.id]
    assert await found(status="revoked") == [first.record.id]
    assert await found(status="active") == [third.record.id, second.record.id]
    assert await found(user_id="bob", status="active") == [second.record.id]
    assert await found(user_id="nobody") == []


async def test_a_key_is_revoked_once_and_for_ever(database):
    made = await create(database)
    assert await asked(database, keys.revoke, made.record.id) is True
    revoked = await asked(database, keys.find, made.record.id)
    assert revoked.status == "revoked"
    assert revoked.revoked_at is not None
    assert revoked.record.version > made.record.version
    assert await asked(database, keys.revoke, made.record.id) is False
    assert await asked(database, keys.find, made.record.id) == revoked
    assert await asked(database, keys.revoke, new_ulid()) is False
    assert len(await asked(database, keys.pending_changes, 10)) == 2


async def test_revoked_by_many_at_once_it_is_one_revocation(database):
    made = await create(database)
    outcomes = await asyncio.gather(
        *(asked(database, keys.revoke, made.record.id) for _ in range(6))
    )
    assert sorted(outcomes) == [False] * 5 + [True]


async def test_last_used_is_the_time_of_the_newest_record(ledger_database):
    made, other = await create(ledger_database), await create(ledger_database)
    records = [make_record(key_id=made.record.id) for _ in range(2)]
    await asked(ledger_database, ledger.insert, records)
    found = await asked(ledger_database, keys.find, made.record.id)
    newest = max(records, key=lambda record: record.id)
    assert found.last_used_at == datetime.fromisoformat(newest.occurred_at)
    assert (await asked(ledger_database, keys.find, other.record.id)).last_used_at is None


async def test_a_projected_key_ends_when_key_or_secret_does(database):
    soon, late = TOMORROW, TOMORROW + timedelta(days=1)
    cases = [(None, None, None), (soon, None, soon), (None, soon, soon)]
    cases += [(late, soon, soon), (soon, late, soon)]
    for of_key, of_secret, end in cases:
        made = await create(database, expires_at=of_key)
        key_hash = hash_key(made.record.id)
        async with database.transaction() as connection:
            await connection.execute(
                "UPDATE api_key_secrets SET expires_at = %s WHERE hash = %s", [of_secret, key_hash]
            )
        (one,) = await asked(database, keys.projected, key_hash=key_hash)
        assert one.expires_at_ms == (None if end is None else int(end.timestamp() * 1000))
        assert (one.key_hash, one.status, one.record) == (key_hash, "active", made.record)


async def test_projected_by_hash_by_key_and_in_pages_of_all(database):
    made = [await create(database) for _ in range(5)]
    second = hash_key("second secret")
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO api_key_secrets (hash, key_id, prefix) "
            "SELECT %s, key_id, 'cr_second' FROM api_key_secrets WHERE hash = %s",
            [second, hash_key(made[0].record.id)],
        )
    assert await asked(database, keys.projected, key_hash=hash_key("unknown")) == []
    both = await asked(database, keys.projected, key_id=made[0].record.id)
    assert {one.key_hash for one in both} == {second, hash_key(made[0].record.id)}
    assert (await asked(database, keys.find, made[0].record.id)).key_prefix == "cr_second"
    walked, after = [], ""
    while page := await asked(database, keys.projected, after=after, limit=2):
        walked += [one.key_hash for one in page]
        after = walked[-1]
    assert walked == sorted([second, *(hash_key(key.record.id) for key in made)])


async def test_changes_are_the_oldest_first_until_they_are_forgotten(database):
    made = [await create(database) for _ in range(3)]
    await asked(database, keys.revoke, made[0].record.id)
    changes = await asked(database, keys.pending_changes, 10)
    subjects = [key.record.id for key in (*made, made[0])]
    assert [subject for _, _, subject in changes] == subjects
    assert await asked(database, keys.pending_changes, 2) == changes[:2]
    await asked(database, keys.forget_changes, [changes[1][0], changes[2][0]])
    await asked(database, keys.forget_changes, [])
    assert await asked(database, keys.pending_changes, 10) == [changes[0], changes[3]]


async def test_versions_only_rise(database):
    versions = [(await create(database)).record.version for _ in range(3)]
    assert versions == sorted(set(versions))
