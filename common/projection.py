"""From Postgres into Redis: one key, what changed, or everything.

Every write carries its version and never replaces a newer one, so any of these may run at any
time, twice, or at once with an administrator's change.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from common.domain.accounts import AccountRecord
from common.domain.jobs import JOB_MS_MAX, LATE_MS_MAX
from common.domain.limits import Count
from common.domain.policies import (
    NO_POLICY,
    ORGANISATION,
    Applied,
    Level,
    account_scope,
    key_scope,
)
from common.domain.routing_table import RoutingTable
from common.identifiers import new_ulid, now_ms
from common.state import locks
from common.state.commands import RedisCommands
from common.state.projection import (
    first_uses,
    forget_ahead,
    forget_first_uses,
    note_ahead,
    noted_ahead,
    put_accounts,
    put_key,
    put_policy,
    put_prices,
    put_routing,
    raise_counter,
)
from common.store import accounts, keys, policies, price_books, routing
from common.store.database import Connection, Database

PAGE = 500
# Of a rebuild, from page to page; should its process die, another starts after this.
REBUILD_LOCK_MS = 60_000
CHANGES_AT_ONCE = 500
REBUILD_LOCK = "rebuild"
_OUTRUN: dict[str, Callable[[Connection, str, int], Awaitable[bool | None]]] = {
    "account": accounts.outrun,
    "key": keys.outrun,
    "policy": policies.outrun,
    "routing": routing.outrun,
}


class _LockLost(Exception):
    """Redis was flushed in the middle of a rebuild, or another process is at it."""


async def project_key(
    database: Database, commands: RedisCommands, prefix: str, key_hash: str
) -> bool:
    """Look one secret up by its hash and project it; false when there is none.

    Raises `DatabaseUnavailable` and `RedisUnavailable`.
    """
    async with database.transaction() as connection:
        found = await keys.projected(connection, key_hash=key_hash, limit=1)
        counts = await counts_of(connection, found)
    await raise_counters(commands, prefix, counts)
    await put(commands, prefix, found)
    return bool(found)


async def project(database: Database, commands: RedisCommands, prefix: str, key_id: str) -> None:
    """Project all secrets of a key, as committed. Raises as `project_key`."""
    async with database.transaction() as connection:
        found = await keys.projected(connection, key_id=key_id)
        counts = await counts_of(connection, found)
    await raise_counters(commands, prefix, counts)
    await put(commands, prefix, found)


async def project_accounts(database: Database, commands: RedisCommands, prefix: str) -> None:
    """Project the list of accounts, as committed. Raises as `project_key`."""
    async with database.transaction() as connection:
        version, records = await accounts.projected(connection)
        counts = await account_counts(connection, records)
    await raise_counters(commands, prefix, counts)
    await put_account_list(commands, prefix, version, records)


async def project_prices(database: Database, commands: RedisCommands, prefix: str) -> None:
    """Project the operator's price books, as committed. Raises as `project_key`.

    Those of open jobs, too, which are settled by the prices of when they were admitted.
    """
    since_ms = now_ms() - JOB_MS_MAX - LATE_MS_MAX
    async with database.transaction() as connection:
        version, books = await price_books.projected(connection, since_ms)
    if version:
        await put_prices(commands, prefix, version, msgspec.json.encode(books))


async def project_routing(database: Database, commands: RedisCommands, prefix: str) -> None:
    """Project the routing table, as committed. Raises as `project_key`."""
    async with database.transaction() as connection:
        version, table = await routing.projected(connection)
    if version:
        await put_routing(commands, prefix, version, table)


async def replay_changes(database: Database, commands: RedisCommands, prefix: str) -> int:
    """Project what a change row says Redis may lack; returns how many rows were worked off."""
    async with database.transaction() as connection:
        changes = await keys.pending_changes(connection, CHANGES_AT_ONCE)
    for subject in {subject for _, kind, subject in changes if kind == "key"}:
        await project(database, commands, prefix, subject)
    if any(kind == "accounts" for _, kind, _ in changes):
        await project_accounts(database, commands, prefix)
    if any(kind == "prices" for _, kind, _ in changes):
        await project_prices(database, commands, prefix)
    if any(kind == "routing" for _, kind, _ in changes):
        await project_routing(database, commands, prefix)
    if changes:
        async with database.transaction() as connection:
            await keys.forget_changes(connection, [change_id for change_id, _, _ in changes])
    return len(changes)


async def settle_ahead(database: Database, commands: RedisCommands, prefix: str) -> int:
    """Have projected anew what Redis got ahead of a commit that never came; returns how many.

    Redis then has a version that Postgres has not: so Postgres gets a newer one, with a change row,
    of what it says. What is being changed at this moment is left alone.
    """
    raised = 0
    for kind, subject, version in await noted_ahead(commands, prefix):
        async with database.transaction() as connection:
            outrun = await _OUTRUN[kind](connection, subject, version)
            if kind == "policy":
                # It has no change row: the note itself says that it is to be projected.
                await _project_policy(connection, commands, prefix, subject)
        if outrun is not None:
            await forget_ahead(commands, prefix, kind, subject, version)
            raised += outrun
    return raised


async def count_ahead(database: Database, commands: RedisCommands, prefix: str) -> int:
    """How many `settle_ahead` would have projected anew; nothing is changed."""
    noted = await noted_ahead(commands, prefix)
    async with database.transaction() as connection, connection.transaction(force_rollback=True):
        raised = [
            await _OUTRUN[kind](connection, subject, version) for kind, subject, version in noted
        ]
        return raised.count(True)


async def rebuild(database: Database, commands: RedisCommands, prefix: str) -> bool:
    """Project everything and set the epoch last.

    False when another process is at it, or when Redis was flushed meanwhile: then again.
    """
    token = new_ulid()
    if not await locks.take(commands, prefix, REBUILD_LOCK, token, REBUILD_LOCK_MS):
        return False

    async def hold() -> None:
        if not await locks.renew(commands, prefix, REBUILD_LOCK, token, REBUILD_LOCK_MS):
            raise _LockLost

    try:
        await project_all(database, commands, prefix, hold)
        return await locks.finish_rebuild(commands, prefix, REBUILD_LOCK, token)
    except _LockLost:
        return False
    finally:
        await locks.free(commands, prefix, REBUILD_LOCK, token)


async def project_all(
    database: Database,
    commands: RedisCommands,
    prefix: str,
    hold: Callable[[], Awaitable[None]],
) -> None:
    """Project everything but the epoch; `hold` is called before each page."""
    await project_accounts(database, commands, prefix)
    await project_prices(database, commands, prefix)
    await project_routing(database, commands, prefix)
    await _rebuild_policies(database, commands, prefix, hold)
    after = ""
    while True:
        await hold()
        async with database.transaction() as connection:
            page = await keys.projected(connection, after=after, limit=PAGE)
            counts = await counts_of(connection, page)
        if not page:
            return
        await raise_counters(commands, prefix, counts)
        await put(commands, prefix, page)
        after = page[-1].key_hash


async def put_keys_ahead(
    commands: RedisCommands, prefix: str, secrets: list[keys.ProjectedKey]
) -> None:
    """Project secrets of one key before the commit; the row is locked. Raises as `put`."""
    if secrets:
        record = secrets[0].record
        await note_ahead(commands, prefix, "key", record.id, record.version)
    await put(commands, prefix, secrets)


async def put_accounts_ahead(
    commands: RedisCommands,
    prefix: str,
    version: int,
    records: list[AccountRecord],
    changing: str,
) -> None:
    """Project the list of accounts before the commit of the one that changes. Raises as `put`."""
    await note_ahead(commands, prefix, "account", changing, version)
    await put_account_list(commands, prefix, version, records)


async def put_routing_ahead(
    commands: RedisCommands, prefix: str, version: int, table: RoutingTable
) -> None:
    """Project the routing table before the commit; its row is locked. Raises as `put`."""
    await note_ahead(commands, prefix, "routing", "table", version)
    await put_routing(commands, prefix, version, table)


async def put_account_list(
    commands: RedisCommands, prefix: str, version: int, records: list[AccountRecord]
) -> None:
    """As `put`, for the list of accounts; version 0 says that there never was one."""
    if version:
        await put_accounts(commands, prefix, version, msgspec.json.encode(records))


async def counts_of(connection: Connection, secrets: list[keys.ProjectedKey]) -> list[Count]:
    """What the counters of these keys' budgets and daily limits are to show at least."""
    limited = {one.record.id: one.record for one in secrets if one.record.policy.counts}.values()
    applied = [Applied("key", key_scope(record.id), record.policy) for record in limited]
    return await policies.counts(connection, applied, now_ms())


async def account_counts(connection: Connection, records: list[AccountRecord]) -> list[Count]:
    """As `counts_of`, for accounts."""
    applied = [
        Applied("account", account_scope(record.id), record.policy)
        for record in records
        if record.policy.counts
    ]
    return await policies.counts(connection, applied, now_ms()) if applied else []


async def keep_first_uses(database: Database, commands: RedisCommands, prefix: str) -> int:
    """Write into Postgres when keys were first used; returns how many. Raises as `project_key`."""
    found = await first_uses(commands, prefix, CHANGES_AT_ONCE)
    if not found:
        return 0
    async with database.transaction() as connection:
        await keys.activate(connection, {key_id: ms for key_id, ms in found.items() if ms})
    await forget_first_uses(commands, prefix, found)
    return len(found)


async def raise_counters(commands: RedisCommands, prefix: str, counts: list[Count]) -> None:
    """Before a key or a policy is projected, so that no budget begins with less than was spent.

    Raises `RedisUnavailable`.
    """
    await asyncio.gather(*(raise_counter(commands, prefix, one) for one in counts if one.amount))


async def put_policies(
    connection: Connection,
    commands: RedisCommands,
    prefix: str,
    found: list[policies.ProjectedPolicy],
) -> None:
    """Project what limits these scopes, counters first; as `put`, maybe before a commit."""
    applied = [Applied(_level(one.scope), one.scope, one.policy) for one in found]
    await raise_counters(commands, prefix, await policies.counts(connection, applied, now_ms()))
    await asyncio.gather(
        *(put_policy(commands, prefix, one.scope, one.version, one.policy) for one in found)
    )


async def put_policy_ahead(
    connection: Connection,
    commands: RedisCommands,
    prefix: str,
    policy: policies.ProjectedPolicy,
) -> None:
    """Project what limits a scope before the commit; the row is locked. Raises as `put`."""
    await note_ahead(commands, prefix, "policy", policy.scope, policy.version)
    await put_policies(connection, commands, prefix, [policy])


async def put(commands: RedisCommands, prefix: str, secrets: list[keys.ProjectedKey]) -> None:
    """Project what was read, maybe in a transaction that is yet to commit.

    Their counters come before them. Raises `RedisUnavailable`.
    """
    await asyncio.gather(
        *(
            put_key(
                commands,
                prefix,
                one.key_hash,
                one.record,
                one.status,
                one.expires_at_ms,
                one.activated_at_ms,
            )
            for one in secrets
        )
    )


async def _project_policy(
    connection: Connection, commands: RedisCommands, prefix: str, scope: str
) -> None:
    """What limits a scope, as committed; nothing for one that is no more."""
    found = await policies.projected(connection, scope=scope, limit=1)
    if not found:
        version = await policies.next_version(connection)
        found = [policies.ProjectedPolicy(scope, NO_POLICY, version)]
    await put_policies(connection, commands, prefix, found)


async def _rebuild_policies(
    database: Database, commands: RedisCommands, prefix: str, hold: Callable[[], Awaitable[None]]
) -> None:
    after = ""
    while True:
        await hold()
        async with database.transaction() as connection:
            page = await policies.projected(connection, after=after, limit=PAGE)
            await put_policies(connection, commands, prefix, page)
        if not page:
            return
        after = page[-1].scope


def _level(scope: str) -> Level:
    if scope == ORGANISATION:
        return "organisation"
    return "team" if scope.startswith("team:") else "user"
