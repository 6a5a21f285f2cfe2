"""Sessions of people in the admin API: opened by a sign-in, refreshed, ended."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from common.domain.ids import is_ulid, ulid_to_uuid, uuid_to_ulid
from common.domain.roles import Role, Way
from common.store.database import Connection, query


class Session(msgspec.Struct, frozen=True):
    """A session that has not ended. Ids are ULIDs, times UTC; `read_at` is Postgres' clock."""

    id: str
    subject: str
    way: Way
    name: str
    role: Role
    team_ids: frozenset[str]
    user_id: str | None
    key_id: str | None
    credential: str
    generation: int
    address: str
    client: str
    created_at: datetime
    refreshed_at: datetime
    ends_at: datetime
    read_at: datetime


class NewSession(msgspec.Struct, frozen=True):
    """What a sign-in knows of who came. `credential` stands for what they came with."""

    subject: str
    way: Way
    name: str
    role: Role
    credential: str = ""
    team_ids: tuple[str, ...] = ()
    user_id: str | None = None
    key_id: str | None = None


async def open_session(
    connection: Connection,
    session_id: str,
    new: NewSession,
    *,
    seconds: int,
    address: str,
    client: str,
) -> Session:
    """Write it; those that ended long ago are forgotten on the way."""
    await connection.execute(query("forget_sessions"))
    values = {
        "id": ulid_to_uuid(session_id),
        "subject": new.subject,
        "way": new.way,
        "name": new.name,
        "role": new.role.value,
        "team_ids": [ulid_to_uuid(one) for one in new.team_ids],
        "user_id": new.user_id,
        "key_id": None if new.key_id is None else ulid_to_uuid(new.key_id),
        "credential": new.credential,
        "address": address,
        "client": client,
        "seconds": seconds,
    }
    await connection.execute(query("insert_session"), values)
    found = await find(connection, session_id)
    if found is None:
        raise LookupError("the session that was just written is not there")
    return found


async def find(connection: Connection, session_id: str) -> Session | None:
    """The session, unless it has ended."""
    found = await page(connection, session_id=session_id, limit=1)
    return found[0] if found else None


async def page(
    connection: Connection,
    *,
    session_id: str | None = None,
    subject: str | None = None,
    before: str | None = None,
    limit: int,
) -> list[Session]:
    """Sessions that have not ended, newest first."""
    values = {
        "id": None if session_id is None else ulid_to_uuid(session_id),
        "subject": subject,
        "before": None if before is None else ulid_to_uuid(before),
        "limit": limit,
    }
    cursor = await connection.execute(query("select_sessions"), values)
    return [_session(row) for row in await cursor.fetchall()]


async def rotate(connection: Connection, session_id: str, generation: int) -> bool:
    """Go on to the next refresh token; false when this generation is not the last one."""
    values = [ulid_to_uuid(session_id), generation]
    return bool((await connection.execute(query("rotate_session"), values)).rowcount)


async def end(connection: Connection, session_id: str, why: str) -> bool:
    """End it; false when it had ended."""
    values = [why, ulid_to_uuid(session_id)]
    return bool((await connection.execute(query("end_session"), values)).rowcount)


async def end_all_of(connection: Connection, subject: str, why: str) -> int:
    """End all sessions of somebody; how many there were."""
    return (await connection.execute(query("end_sessions_of"), [why, subject])).rowcount


async def end_all_of_user(connection: Connection, user_id: str, why: str) -> int:
    """End all sessions of whoever is this user in the portal; how many there were."""
    return (await connection.execute(query("end_sessions_of_user"), [why, user_id])).rowcount


async def teams_named(connection: Connection, names: Collection[str]) -> tuple[str, ...]:
    """The ids of the teams with these names or ids."""
    ids = [ulid_to_uuid(name) for name in names if is_ulid(name)]
    cursor = await connection.execute(query("teams_named"), {"names": list(names), "ids": ids})
    return tuple(uuid_to_ulid(row["id"]) for row in await cursor.fetchall())


def _session(row: dict[str, Any]) -> Session:
    members = {name: row[name] for name in Session.__struct_fields__}
    members["id"] = uuid_to_ulid(row["id"])
    members["role"] = Role(row["role"])
    members["team_ids"] = frozenset(uuid_to_ulid(one) for one in row["team_ids"])
    members["key_id"] = None if row["key_id"] is None else uuid_to_ulid(row["key_id"])
    return Session(**members)
