"""Service accounts: programs with a token of the admin API, of which only the hash is kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from common.domain.ids import ulid_to_uuid, uuid_to_ulid
from common.domain.roles import Role
from common.store.database import Connection, query


class ServiceAccount(msgspec.Struct, frozen=True):
    """A service account. Ids are ULIDs, times UTC; `areas` empty: no bound beside the role's."""

    id: str
    name: str
    role: Role
    team_ids: tuple[str, ...]
    areas: tuple[str, ...]
    token_prefix: str
    old_token_ends_at: datetime | None
    expires_at: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class Known(msgspec.Struct, frozen=True):
    """Whose token was presented."""

    id: str
    name: str
    role: Role
    team_ids: frozenset[str]
    areas: frozenset[str]


class Token(msgspec.Struct, frozen=True):
    """A token as it is kept, and what is shown of it."""

    hash: str
    prefix: str


async def create(
    connection: Connection,
    account_id: str,
    *,
    name: str,
    role: Role,
    team_ids: Sequence[str],
    areas: Sequence[str],
    expires_at: datetime | None,
    token: Token,
    created_by: str,
) -> None:
    """Raises `psycopg.errors.UniqueViolation` for a name that another one has."""
    values = {
        "id": ulid_to_uuid(account_id),
        "name": name,
        "role": role.value,
        "team_ids": [ulid_to_uuid(one) for one in team_ids],
        "areas": list(areas),
        "token_hash": token.hash,
        "token_prefix": token.prefix,
        "expires_at": expires_at,
        "created_by": created_by,
    }
    await connection.execute(query("insert_service_account"), values)


async def find(connection: Connection, account_id: str) -> ServiceAccount | None:
    """One of them, a revoked one too."""
    found = await page(connection, account_id=account_id, limit=1)
    return found[0] if found else None


async def page(
    connection: Connection,
    *,
    account_id: str | None = None,
    before: str | None = None,
    limit: int,
) -> list[ServiceAccount]:
    """Service accounts, newest first."""
    values = {
        "id": None if account_id is None else ulid_to_uuid(account_id),
        "before": None if before is None else ulid_to_uuid(before),
        "limit": limit,
    }
    cursor = await connection.execute(query("select_service_accounts"), values)
    return [
        ServiceAccount(
            **row
            | {
                "id": uuid_to_ulid(row["id"]),
                "role": Role(row["role"]),
                "team_ids": tuple(uuid_to_ulid(one) for one in row["team_ids"]),
                "areas": tuple(row["areas"]),
            }
        )
        for row in await cursor.fetchall()
    ]


async def presented(connection: Connection, token_hash: str) -> Known | None:
    """Whose token it is, unless it is revoked or over; notes that it was used."""
    cursor = await connection.execute(query("find_service_account"), {"hash": token_hash})
    row: dict[str, Any] | None = await cursor.fetchone()
    if row is None:
        return None
    await connection.execute(query("touch_service_account"), [row["id"]])
    return Known(
        id=uuid_to_ulid(row["id"]),
        name=row["name"],
        role=Role(row["role"]),
        team_ids=frozenset(uuid_to_ulid(one) for one in row["team_ids"]),
        areas=frozenset(row["areas"]),
    )


async def update(connection: Connection, account: ServiceAccount) -> bool:
    """Write what can change, unless it was changed or revoked meanwhile. Raises as `create`."""
    values = {
        "id": ulid_to_uuid(account.id),
        "name": account.name,
        "role": account.role.value,
        "team_ids": [ulid_to_uuid(one) for one in account.team_ids],
        "areas": list(account.areas),
        "expires_at": account.expires_at,
        "read_at": account.updated_at,
    }
    return bool((await connection.execute(query("update_service_account"), values)).rowcount)


async def rotate(connection: Connection, account_id: str, token: Token, grace_s: int) -> bool:
    """Another token; the one before ends after `grace_s` seconds. False of a revoked one."""
    values = {
        "id": ulid_to_uuid(account_id),
        "token_hash": token.hash,
        "token_prefix": token.prefix,
        "grace_s": grace_s,
    }
    return bool((await connection.execute(query("rotate_service_account"), values)).rowcount)


async def revoke(connection: Connection, account_id: str) -> bool:
    """Revoke it for ever; false when it was."""
    cursor = await connection.execute(query("revoke_service_account"), [ulid_to_uuid(account_id)])
    return bool(cursor.rowcount)
