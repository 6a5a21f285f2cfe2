"""Users and teams."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from common.domain.ids import ulid_to_uuid, uuid_to_ulid
from common.domain.policies import Policy
from common.domain.self_service import OFF, SelfService
from common.store import policies
from common.store.database import Connection, query


class User(msgspec.Struct, frozen=True):
    """A user; the id is the caller's own string. Times are UTC.

    `subject` is `<issuer> <sub>` of who signed in as this user; None: nobody has.
    """

    id: str
    name: str
    email: str
    team_id: str | None
    subject: str | None
    policy: Policy
    version: int
    active_keys: int
    created_at: datetime
    updated_at: datetime


class Member(msgspec.Struct, frozen=True):
    """A user or key of a team, or a key of a user. A key's id is a ULID."""

    kind: Literal["user", "key"]
    id: str
    name: str


class Team(msgspec.Struct, frozen=True):
    """A team; the id is a ULID. Times are UTC.

    `price_multiplier` is what it is charged for each USD of cost.
    """

    id: str
    name: str
    description: str
    price_multiplier: Decimal
    self_service: SelfService
    policy: Policy
    version: int
    users: int
    active_keys: int
    created_at: datetime
    updated_at: datetime


async def ensure_user(connection: Connection, user_id: str) -> bool:
    """Make the user unless it is there; whether it was made."""
    return bool((await connection.execute(query("upsert_user"), [user_id])).rowcount)


async def users_of_person(
    connection: Connection, subject: str, user_id: str, email: str
) -> list[tuple[str, str | None]]:
    """Users (id, subject) that somebody may be: who they were before, else by id or address."""
    values = {"subject": subject, "user_id": user_id, "email": email}
    cursor = await connection.execute(query("users_of_person"), values)
    return [(row["id"], row["subject"]) for row in await cursor.fetchall()]


async def bind_user(
    connection: Connection, user_id: str, subject: str, name: str, email: str
) -> bool:
    """Say who the user is from now on; false: somebody is already. Raises `UniqueViolation`."""
    values = {"id": user_id, "subject": subject, "name": name, "email": email}
    return bool((await connection.execute(query("bind_user"), values)).rowcount)


async def create_user(
    connection: Connection,
    user_id: str,
    name: str,
    email: str,
    team_id: str | None,
    policy: Policy,
) -> None:
    """Raises `psycopg.errors.UniqueViolation` and, for the team, `ForeignKeyViolation`."""
    values = {
        "id": user_id,
        "name": name,
        "email": email,
        "team_id": _uuid(team_id),
        **policies.columns(policy),
    }
    await connection.execute(query("insert_user"), values)


async def update_user(connection: Connection, user: User) -> bool:
    """Write what of a user can change if it still has that version. Raises as `create_user`."""
    values = {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "team_id": _uuid(user.team_id),
        "subject": user.subject,
        "version": user.version,
        **policies.columns(user.policy),
    }
    cursor = await connection.execute(query("update_user"), values)
    return bool(cursor.rowcount)


async def delete_user(connection: Connection, user_id: str) -> None:
    """Usage and keys of the past keep the id."""
    await connection.execute(query("delete_user"), [user_id])


async def user_id_taken(connection: Connection, user_id: str) -> Literal["user", "past"] | None:
    """Whose an id is: a user's (as id or address, ignoring case), or kept by keys and usage."""
    cursor = await connection.execute(query("user_id_taken"), {"id": user_id})
    row = await cursor.fetchone() or {}
    return "user" if row.get("of_user") else "past" if row.get("of_past") else None


async def lock_user(connection: Connection, user_id: str) -> None:
    """Hold back others that lock this user until the transaction ends."""
    await connection.execute(query("lock_user"), [user_id])


async def find_user(connection: Connection, user_id: str) -> User | None:
    """One user."""
    found = await page_of_users(connection, user_id=user_id, limit=1)
    return found[0] if found else None


async def page_of_users(
    connection: Connection,
    *,
    user_id: str | None = None,
    after: str | None = None,
    team_ids: Sequence[str] | None = None,
    search: str | None = None,
    limit: int,
) -> list[User]:
    """Users by id, of these teams only; `after` is the last id of the page before.

    `search` is a part of the id, the name or the e-mail, whatever its case.
    """
    values = {
        "id": user_id,
        "after": after,
        "team_ids": _uuids(team_ids),
        "search": search,
        "limit": limit,
    }
    cursor = await connection.execute(query("select_users"), values)
    return [
        User(
            **_with_policy(row)
            | {"team_id": None if row["team_id"] is None else uuid_to_ulid(row["team_id"])}
        )
        for row in await cursor.fetchall()
    ]


async def create_team(
    connection: Connection,
    team_id: str,
    name: str,
    description: str,
    policy: Policy,
    price_multiplier: Decimal = Decimal(1),
    self_service: SelfService = OFF,
) -> None:
    """Raises `psycopg.errors.UniqueViolation` for a name that another team has."""
    values = {
        "id": ulid_to_uuid(team_id),
        "name": name,
        "description": description,
        "price_multiplier": price_multiplier,
        "self_service": _self_service(self_service),
        **policies.columns(policy),
    }
    await connection.execute(query("insert_team"), values)


async def update_team(connection: Connection, team: Team) -> bool:
    """Write what of a team can change if it still has that version. Raises as `create_team`."""
    values: dict[str, Any] = {
        "id": ulid_to_uuid(team.id),
        "name": team.name,
        "description": team.description,
        "price_multiplier": team.price_multiplier,
        "self_service": _self_service(team.self_service),
        "version": team.version,
        **policies.columns(team.policy),
    }
    cursor = await connection.execute(query("update_team"), values)
    return bool(cursor.rowcount)


async def delete_team(connection: Connection, team_id: str) -> None:
    """Raises `psycopg.errors.ForeignKeyViolation` while users or keys belong to it."""
    await connection.execute(query("delete_team"), [ulid_to_uuid(team_id)])


async def find_team(connection: Connection, team_id: str) -> Team | None:
    """One team."""
    found = await page_of_teams(connection, team_id=team_id, limit=1)
    return found[0] if found else None


async def team_names(
    connection: Connection, *, team_ids: Sequence[str] | None, limit: int
) -> list[tuple[str, str]]:
    """Ids and names of teams, of `team_ids` only, in the order of names."""
    values = {"ids": _uuids(team_ids), "limit": limit}
    cursor = await connection.execute(query("select_team_names"), values)
    return [(uuid_to_ulid(row["id"]), row["name"]) for row in await cursor.fetchall()]


async def page_of_teams(
    connection: Connection,
    *,
    team_id: str | None = None,
    team_ids: Sequence[str] | None = None,
    name: str | None = None,
    search: str | None = None,
    before: str | None = None,
    limit: int,
) -> list[Team]:
    """Teams, newest first, of `team_ids` only, or the one of that name.

    `search` is a part of the name or the description, whatever its case; `before` is the last id
    of the page before.
    """
    values = {
        "id": _uuid(team_id),
        "ids": _uuids(team_ids),
        "name": name,
        "search": search,
        "before": _uuid(before),
        "limit": limit,
    }
    cursor = await connection.execute(query("select_teams"), values)
    return [
        Team(
            **_with_policy(row)
            | {
                "id": uuid_to_ulid(row["id"]),
                "self_service": msgspec.convert(row["self_service"] or {}, SelfService),
            }
        )
        for row in await cursor.fetchall()
    ]


async def members_of_team(
    connection: Connection, team_id: str, limit: int
) -> tuple[list[Member], int]:
    """Some of a team's users and keys, revoked ones too, and how many there are."""
    values = {"team_id": ulid_to_uuid(team_id), "limit": limit}
    return await _members(connection, "members_of_team", values)


async def active_keys_of_user(
    connection: Connection, user_id: str, limit: int
) -> tuple[list[Member], int]:
    """Some of a user's active keys, and how many there are."""
    return await _members(connection, "active_keys_of_user", {"user_id": user_id, "limit": limit})


async def _members(
    connection: Connection, name: str, values: dict[str, Any]
) -> tuple[list[Member], int]:
    rows = await (await connection.execute(query(name), values)).fetchall()
    members = [
        Member(
            row["kind"],
            uuid_to_ulid(UUID(row["id"])) if row["kind"] == "key" else row["id"],
            row["name"],
        )
        for row in rows
    ]
    return members, rows[0]["total"] if rows else 0


async def teams_named(
    connection: Connection, names: Sequence[str], ids: Sequence[str]
) -> dict[str, str]:
    """Names of the teams that have one of these names or ids, by their ids."""
    values = {"names": list(names), "ids": _uuids(ids)}
    cursor = await connection.execute(query("named_teams"), values)
    return {uuid_to_ulid(row["id"]): row["name"] for row in await cursor.fetchall()}


def _with_policy(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its policy as one member."""
    members = {name: value for name, value in row.items() if name not in policies.COLUMNS}
    return members | {"policy": policies.read(row)}


def _self_service(rule: SelfService) -> Jsonb | None:
    return None if rule == OFF else Jsonb(msgspec.to_builtins(rule))


def _uuid(ulid: str | None) -> Any:
    return None if ulid is None else ulid_to_uuid(ulid)


def _uuids(ulids: Sequence[str] | None) -> Any:
    return None if ulids is None else [ulid_to_uuid(one) for one in ulids]
