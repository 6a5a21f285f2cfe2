"""The routing table: groups of accounts, and the table of all that is projected into Redis."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from psycopg.types.json import Jsonb

from common.domain.ids import ulid_to_uuid, uuid_to_ulid
from common.domain.routing import RoutingRule
from common.domain.routing_table import AliasRule, ModelEntry, RoutingTable
from common.store.database import Connection, query

GROUPS_MAX = 1000
ENTRIES_MAX = 2000
Kind = Literal["alias", "model"]
# How many of those who are bound to a group are named.
NAMED_MAX = 10


class Group(msgspec.Struct, frozen=True):
    """A group of accounts. Ids are ULIDs, times UTC."""

    id: str
    name: str
    account_ids: tuple[str, ...]
    version: int
    created_at: datetime
    updated_at: datetime


class Bound(msgspec.Struct, frozen=True):
    """A key or team that is bound to an account or group, or a group that an account is in."""

    kind: Literal["group", "key", "team"]
    id: str
    name: str
    revoked: bool = False


class Entry(msgspec.Struct, frozen=True):
    """What is declared under a name. Times are UTC."""

    name: str
    entry: Any
    version: int
    created_at: datetime
    updated_at: datetime


async def begin_change(connection: Connection) -> None:
    """Before any change of the table: it gets its next version, with a change row.

    Other changes wait until the transaction ends.
    """
    await connection.execute(query("lock_routing"))
    await connection.execute(query("insert_routing_change"))


async def outrun(connection: Connection, subject: str, version: int) -> bool | None:
    """As `keys.outrun`, for the one table; `subject` is nothing."""
    del subject
    row = await (await connection.execute(query("lock_routing_version"))).fetchone()
    if row is None:
        return None
    if row["version"] >= version:
        return False
    await begin_change(connection)
    return True


async def projected(connection: Connection) -> tuple[int, RoutingTable]:
    """The table for Redis with its version. Raises `LookupError` before the migration."""
    row = await (await connection.execute(query("routing_version"))).fetchone()
    if row is None:
        raise LookupError("the table routing is empty: run relayctl migrate")
    groups = await page_of_groups(connection, limit=GROUPS_MAX)
    aliases = await page_of_entries(connection, "alias", limit=ENTRIES_MAX)
    models = await page_of_entries(connection, "model", limit=ENTRIES_MAX)
    table = {
        "groups": {one.id: one.account_ids for one in groups},
        "aliases": {one.name: one.entry for one in aliases},
        "models": {one.name: one.entry for one in models},
    }
    return row["version"], msgspec.convert(table, RoutingTable)


async def page_of_entries(
    connection: Connection, kind: Kind, *, name: str | None = None, after: str = "", limit: int
) -> list[Entry]:
    """What is declared of a kind, by name; `after` is the last name of the page before."""
    values = {"kind": kind, "name": name, "after": after, "limit": limit}
    cursor = await connection.execute(query("select_routing_entries"), values)
    return [
        Entry(row["name"], row["entry"], row["version"], row["created_at"], row["updated_at"])
        for row in await cursor.fetchall()
    ]


async def find_entry(connection: Connection, kind: Kind, name: str) -> Entry | None:
    """What is declared under a name."""
    found = await page_of_entries(connection, kind, name=name, limit=1)
    return found[0] if found else None


async def aliases_among(connection: Connection, names: Collection[str]) -> set[str]:
    """Which of these names are aliases."""
    aliases = await page_of_entries(connection, "alias", limit=ENTRIES_MAX)
    return {one.name for one in aliases}.intersection(names)


async def put_entry(
    connection: Connection, kind: Kind, name: str, entry: tuple[AliasRule, ...] | ModelEntry
) -> None:
    """Declare it, in the place of what the name stood for."""
    values = {"kind": kind, "name": name, "entry": Jsonb(msgspec.to_builtins(entry))}
    await connection.execute(query("put_routing_entry"), values)


async def delete_entry(connection: Connection, kind: Kind, name: str) -> None:
    """Declare nothing under the name any more."""
    await connection.execute(query("delete_routing_entry"), [kind, name])


async def create_group(
    connection: Connection, group_id: str, name: str, account_ids: tuple[str, ...]
) -> None:
    """Raises `psycopg.errors.UniqueViolation` for a name that another group has."""
    await connection.execute(query("insert_group"), _values(group_id, name, account_ids))


async def update_group(connection: Connection, group: Group) -> bool:
    """Write what of a group can change if it still has that version. Raises as `create_group`."""
    values = _values(group.id, group.name, group.account_ids) | {"version": group.version}
    return bool((await connection.execute(query("update_group"), values)).rowcount)


async def delete_group(connection: Connection, group_id: str) -> None:
    """Whoever is bound to it is served by no account."""
    await connection.execute(query("delete_group"), [ulid_to_uuid(group_id)])


async def find_group(connection: Connection, group_id: str) -> Group | None:
    """One group."""
    found = await page_of_groups(connection, group_id=group_id, limit=1)
    return found[0] if found else None


async def page_of_groups(
    connection: Connection, *, group_id: str | None = None, before: str | None = None, limit: int
) -> list[Group]:
    """Groups, newest first; `before` is the last id of the page before."""
    values = {
        "id": None if group_id is None else ulid_to_uuid(group_id),
        "before": None if before is None else ulid_to_uuid(before),
        "limit": limit,
    }
    cursor = await connection.execute(query("select_groups"), values)
    return [_group(row) for row in await cursor.fetchall()]


async def share_group(connection: Connection, group_id: str) -> bool:
    """Whether the group is there; then it stays until the transaction ends."""
    cursor = await connection.execute(query("share_group"), [ulid_to_uuid(group_id)])
    return await cursor.fetchone() is not None


async def bound_to(
    connection: Connection, rule: RoutingRule, subject: str, limit: int = NAMED_MAX
) -> list[Bound]:
    """Some of those whose rule names the account or group, revoked keys too."""
    values = {"rule": rule, "subject": subject, "limit": limit}
    cursor = await connection.execute(query("bound_to"), values)
    return [
        Bound(row["kind"], uuid_to_ulid(row["id"]), row["name"], row["revoked"])
        for row in await cursor.fetchall()
    ]


async def users_of_account(connection: Connection, account_id: str, limit: int) -> list[Bound]:
    """The groups that it is in, then some of the keys and teams that are bound to it."""
    groups = await page_of_groups(connection, limit=GROUPS_MAX)
    found = [Bound("group", one.id, one.name) for one in groups if account_id in one.account_ids]
    return [*found, *await bound_to(connection, "account_id", account_id, limit)]


def _values(group_id: str, name: str, account_ids: tuple[str, ...]) -> dict[str, Any]:
    ids = [ulid_to_uuid(one) for one in account_ids]
    return {"id": ulid_to_uuid(group_id), "name": name, "account_ids": ids}


def _group(row: Mapping[str, Any]) -> Group:
    return Group(
        id=uuid_to_ulid(row["id"]),
        name=row["name"],
        account_ids=tuple(uuid_to_ulid(one) for one in row["account_ids"]),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
