"""API keys: rows, pages, and what of them is projected into Redis."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from common.domain.ids import is_ulid, ulid_to_uuid, uuid_to_ulid
from common.domain.keys import KeyRecord
from common.store import policies
from common.store.database import Connection, query

KeyStatus = Literal["active", "disabled", "revoked"]
Sort = Literal["newest", "oldest", "name"]
# What comes after the last key of a page, and the order of both its query's steps.
_ORDERS: dict[Sort, tuple[str, str]] = {
    "newest": ("keys.id < %(after)s", "keys.id DESC"),
    "oldest": ("keys.id > %(after)s", "keys.id"),
    "name": (
        "(lower(keys.name), keys.id) > ("
        "(SELECT lower(name) FROM api_keys WHERE id = %(after)s), %(after)s)",
        "lower(keys.name), keys.id",
    ),
}


class Key(msgspec.Struct, frozen=True):
    """A key as administrators see it. Ids are ULIDs, times UTC.

    `old_secret_ends_at` is until when a secret that was rotated works still; None: none does.
    """

    record: KeyRecord
    status: KeyStatus
    key_prefix: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    activated_at: datetime | None
    old_secret_ends_at: datetime | None = None

    @property
    def ends_at(self) -> datetime | None:
        """The sooner of its fixed end and the one that its first use began."""
        days = self.record.activation_days
        ends = [self.expires_at] if self.expires_at is not None else []
        if days is not None and self.activated_at is not None:
            ends.append(self.activated_at + timedelta(days=days))
        return min(ends, default=None)


class ProjectedKey(msgspec.Struct, frozen=True):
    """One secret with its key's record, as `common.state.projection.put_key` takes it."""

    key_hash: str
    record: KeyRecord
    status: KeyStatus
    expires_at_ms: int | None
    activated_at_ms: int | None = None


class ExpiredSecret(msgspec.Struct, frozen=True):
    """A secret whose own time was over when it was deleted. Times are UTC."""

    key_hash: str
    key_id: str
    key_prefix: str
    expires_at: datetime


async def create(
    connection: Connection,
    record: KeyRecord,
    expires_at: datetime | None,
    key_hash: str,
    key_prefix: str,
) -> Key:
    """Write a new key, its secret's hash and its change row."""
    key_id = ulid_to_uuid(record.id)
    values = {
        "id": key_id,
        "name": record.name,
        "user_id": record.user_id,
        "team_id": _uuid(record.team_id),
        "scopes": record.scopes,
        "models_allow": record.models_allow,
        "models_deny": record.models_deny,
        "expires_at": expires_at,
        "activation_days": record.activation_days,
        "tags": record.tags,
        **policies.columns(record.policy),
    }
    await connection.execute(query("insert_key"), values)
    await connection.execute(query("insert_secret"), [key_hash, key_id, key_prefix])
    await connection.execute(query("insert_change"), [key_id])
    key = await find(connection, record.id)
    if key is None:
        raise LookupError("the key that was just written is not there")
    return key


async def find(connection: Connection, key_id: str) -> Key | None:
    """One key by its id."""
    keys = await page(connection, key_id=key_id, limit=1)
    return keys[0] if keys else None


async def page(
    connection: Connection,
    *,
    key_id: str | None = None,
    after: str | None = None,
    user_id: str | None = None,
    team_ids: Sequence[str] | None = None,
    status: str | None = None,
    tag: str | None = None,
    ids: Sequence[str] | None = None,
    search: str | None = None,
    sort: Sort = "newest",
    limit: int,
) -> list[Key]:
    """Keys in that order; `after` is the last id of the page before.

    `search` is a part of the name or the user, whatever its case, or the beginning of the key.
    """
    values = {
        "id": _uuid(key_id),
        "after": _uuid(after),
        "user_id": user_id,
        "team_ids": None if team_ids is None else [ulid_to_uuid(one) for one in team_ids],
        "status": status,
        "tag": tag,
        "ids": None if ids is None else [ulid_to_uuid(one) for one in ids],
        "search": search,
        "searched_id": _uuid(search) if search and is_ulid(search) else None,
        "limit": limit,
    }
    further, order = _ORDERS[sort]
    if sort == "name" and search:
        # Every name is looked at, and then in the order in which they lie.
        order = "lower(keys.name) || '', keys.id"
    statement = query("select_keys").decode().format(further=further, order=order)
    # A plan for these filters, not one for all that there could be.
    cursor = await connection.execute(statement.encode(), values, prepare=False)
    return [_key(row) for row in await cursor.fetchall()]


async def revoke(connection: Connection, key_id: str) -> bool:
    """Revoke for ever, with a change row; false when there was nothing left to do."""
    identifier = ulid_to_uuid(key_id)
    cursor = await connection.execute(query("revoke_key"), [identifier])
    if not cursor.rowcount:
        return False
    await connection.execute(query("insert_change"), [identifier])
    return True


async def bump(connection: Connection, key_id: str) -> None:
    """Raise the version of a key that stays as it is, with a change row."""
    identifier = ulid_to_uuid(key_id)
    await connection.execute(query("bump_key"), [identifier])
    await connection.execute(query("insert_change"), [identifier])


async def outrun(connection: Connection, key_id: str, version: int) -> bool | None:
    """Raise a key's version above `version`, with a change row, unless it is there already.

    Returns whether it was raised, None when the key is being changed at this moment.
    """
    identifier = ulid_to_uuid(key_id)
    cursor = await connection.execute(query("lock_key_version"), [identifier])
    row = await cursor.fetchone()
    if row is None:
        return None
    if row["version"] >= version:
        return False
    await bump(connection, key_id)
    return True


async def update(connection: Connection, key: Key) -> bool:
    """Write what of a key can change, if it still has that version; with a change row.

    Raises `psycopg.errors.ForeignKeyViolation` for a team that is not there.
    """
    record = key.record
    values = {
        "id": ulid_to_uuid(record.id),
        "version": record.version,
        "name": record.name,
        "team_id": _uuid(record.team_id),
        "status": key.status,
        "scopes": record.scopes,
        "models_allow": record.models_allow,
        "models_deny": record.models_deny,
        "expires_at": key.expires_at,
        "activation_days": record.activation_days,
        "tags": record.tags,
        **policies.columns(record.policy),
    }
    cursor = await connection.execute(query("update_key"), values)
    if not cursor.rowcount:
        return False
    await connection.execute(query("insert_change"), [ulid_to_uuid(record.id)])
    return True


async def rotate(
    connection: Connection, key_id: str, key_hash: str, key_prefix: str, grace_s: int
) -> None:
    """Add a secret; those before it end after `grace_s` seconds. With a change row."""
    identifier = ulid_to_uuid(key_id)
    await connection.execute(query("shorten_secrets"), [grace_s, identifier])
    await connection.execute(query("insert_secret"), [key_hash, identifier, key_prefix])
    await connection.execute(query("touch_key"), [identifier])
    await connection.execute(query("insert_change"), [identifier])


async def projected(
    connection: Connection,
    *,
    key_hash: str | None = None,
    key_id: str | None = None,
    after: str = "",
    limit: int = 1000,
) -> list[ProjectedKey]:
    """Secrets in the order of their hashes: one, those of a key, or a page of all."""
    values = {"hash": key_hash, "key_id": _uuid(key_id), "after": after, "limit": limit}
    cursor = await connection.execute(query("projected_keys"), values)
    return [_projected(row) for row in await cursor.fetchall()]


async def activate(connection: Connection, first_used_ms: Mapping[str, int]) -> None:
    """Keep when keys were first used, by key id in ms since 1970; the earliest moment stays."""
    ids = sorted(first_used_ms)
    moments = [datetime.fromtimestamp(first_used_ms[key_id] / 1000, UTC) for key_id in ids]
    values = [[ulid_to_uuid(key_id) for key_id in ids], moments]
    await connection.execute(query("activate_keys"), values)


async def pending_changes(connection: Connection, limit: int) -> list[tuple[int, str, str]]:
    """The oldest changes that Redis may not have seen: change id, kind, id of what changed."""
    cursor = await connection.execute(query("pending_changes"), [limit])
    return [
        (row["id"], row["kind"], uuid_to_ulid(row["subject"])) for row in await cursor.fetchall()
    ]


async def forget_changes(connection: Connection, change_ids: Sequence[int]) -> None:
    """Redis has these."""
    await connection.execute(query("delete_changes"), [list(change_ids)])


async def count_changes(connection: Connection) -> int:
    """How many changes Redis may not have seen."""
    return await _count(connection, "count_changes", [])


async def count_usable(connection: Connection, user_id: str) -> int:
    """How many keys of a user still work."""
    return await _count(connection, "count_usable_keys", [user_id])


async def count_expired_secrets(connection: Connection, now: datetime) -> int:
    """How many secrets are over by themselves, whatever their keys' ends."""
    return await _count(connection, "count_expired_secrets", [now])


async def delete_expired_secrets(
    connection: Connection, now: datetime, limit: int
) -> list[ExpiredSecret]:
    """Delete at most `limit` secrets that are over by themselves; the keys stay as they are."""
    cursor = await connection.execute(query("delete_expired_secrets"), [now, limit])
    return [
        ExpiredSecret(row["hash"], uuid_to_ulid(row["key_id"]), row["prefix"], row["expires_at"])
        for row in await cursor.fetchall()
    ]


async def _count(connection: Connection, name: str, values: list[Any]) -> int:
    row = await (await connection.execute(query(name), values)).fetchone()
    return int(row["count"]) if row is not None else 0


def _key(row: dict[str, Any]) -> Key:
    return Key(
        record=_record(row),
        status=row["status"],
        key_prefix=row["key_prefix"] or "",
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        activated_at=row["activated_at"],
        old_secret_ends_at=row["old_secret_ends_at"],
    )


def _projected(row: dict[str, Any]) -> ProjectedKey:
    ends = [_ms(row[name]) for name in ("expires_at", "secret_expires_at")]
    return ProjectedKey(
        key_hash=row["hash"],
        record=_record(row),
        status=row["status"],
        expires_at_ms=min((end for end in ends if end is not None), default=None),
        activated_at_ms=_ms(row["activated_at"]),
    )


def _record(row: dict[str, Any]) -> KeyRecord:
    return KeyRecord(
        id=uuid_to_ulid(row["id"]),
        user_id=row["user_id"],
        name=row["name"],
        team_id=_ulid(row["team_id"]),
        scopes=row["scopes"],
        models_allow=row["models_allow"],
        models_deny=row["models_deny"],
        expires_at_ms=_ms(row["expires_at"]),
        activation_days=row["activation_days"],
        tags=row["tags"],
        policy=policies.read(row),
        version=row["version"],
    )


def _uuid(ulid: str | None) -> UUID | None:
    return None if ulid is None else ulid_to_uuid(ulid)


def _ulid(uuid: UUID | None) -> str | None:
    return None if uuid is None else uuid_to_ulid(uuid)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
