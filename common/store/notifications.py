"""Channels of notifications, and the messages to them: one row a message, before it is sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from common.domain.ids import ulid_to_uuid, uuid_to_ulid
from common.domain.notices import Kind, Notice, Severity
from common.domain.notification_channels import ChannelKind, Settings
from common.identifiers import new_ulid
from common.store.database import Connection, query

CHANNELS_MAX = 200
State = Literal["waiting", "sent", "given_up"]


class StoredChannel(msgspec.Struct, frozen=True):
    """A channel as it is kept: `settings` without the secrets. Times are UTC."""

    id: str
    name: str
    kind: ChannelKind
    settings: Settings
    sealed_secrets: str
    events: tuple[Kind, ...]
    team_ids: tuple[str, ...]
    severity: Severity
    enabled: bool
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Delivery(msgspec.Struct, frozen=True):
    """A message to a channel, and how it went. Times are UTC."""

    id: str
    channel_id: str
    channel_name: str
    notice: Notice
    state: State
    attempts: int
    next_attempt_at: datetime
    last_error: str
    created_at: datetime
    updated_at: datetime


class Claimed(msgspec.Struct, frozen=True):
    """A message that is ours to try now: this is attempt number `attempts`."""

    id: str
    channel_id: str
    notice: Notice
    attempts: int


class Subject(msgspec.Struct, frozen=True):
    """What an event speaks of: its name, empty where it is gone, and whose team it is."""

    name: str = ""
    team_id: str | None = None


async def create_channel(connection: Connection, channel: StoredChannel) -> None:
    """Raises `psycopg.errors.UniqueViolation` for a name that another channel has."""
    await connection.execute(query("insert_channel"), _values(channel))


async def update_channel(connection: Connection, channel: StoredChannel) -> bool:
    """Write all of a channel if it still has that version. Raises as `create_channel`."""
    values = _values(channel) | {"version": channel.version}
    return bool((await connection.execute(query("update_channel"), values)).rowcount)


async def delete_channel(connection: Connection, channel_id: str) -> None:
    """With its messages."""
    await connection.execute(query("delete_channel"), [ulid_to_uuid(channel_id)])


async def find_channel(connection: Connection, channel_id: str) -> StoredChannel | None:
    """One channel."""
    found = await channels(connection, channel_id=channel_id, limit=1)
    return found[0] if found else None


async def channels(
    connection: Connection,
    *,
    channel_id: str | None = None,
    before: str | None = None,
    enabled: bool = False,
    limit: int = CHANNELS_MAX,
) -> list[StoredChannel]:
    """Channels, newest first, or only those that are `enabled`."""
    values = {
        "id": _uuid(channel_id),
        "before": _uuid(before),
        "enabled": enabled,
        "limit": limit,
    }
    cursor = await connection.execute(query("select_channels"), values)
    return [_channel(row) for row in await cursor.fetchall()]


async def enqueue(connection: Connection, channel_id: str, notice: Notice) -> bool:
    """Write a message, due at once; False when the channel has one of this event already."""
    values = {
        "id": ulid_to_uuid(new_ulid()),
        "channel_id": ulid_to_uuid(channel_id),
        "event_id": notice.event_id,
        "notice": Jsonb(msgspec.to_builtins(notice)),
    }
    return bool((await connection.execute(query("insert_delivery"), values)).rowcount)


async def claim(connection: Connection, limit: int, lease_s: int) -> list[Claimed]:
    """Take what is due, at most `limit`: for `lease_s` seconds nobody else gets it."""
    values = {"limit": limit, "lease_s": lease_s}
    cursor = await connection.execute(query("claim_deliveries"), values)
    return [
        Claimed(
            uuid_to_ulid(row["id"]),
            uuid_to_ulid(row["channel_id"]),
            msgspec.convert(row["notice"], Notice),
            row["attempts"],
        )
        for row in await cursor.fetchall()
    ]


async def finish(
    connection: Connection,
    claimed: Claimed,
    state: State,
    *,
    error: str = "",
    next_attempt_at: datetime | None = None,
) -> None:
    """How the attempt went, unless somebody has tried since."""
    values = {
        "id": ulid_to_uuid(claimed.id),
        "attempts": claimed.attempts,
        "state": state,
        "error": error,
        "next_attempt_at": next_attempt_at,
    }
    await connection.execute(query("finish_delivery"), values)


async def count_due(connection: Connection) -> int:
    """How many messages are due, and nobody's."""
    row = await (await connection.execute(query("count_due_deliveries"))).fetchone()
    return int(row["count"]) if row is not None else 0


async def give_up_all(connection: Connection, channel_id: str, error: str) -> None:
    """What waits for the channel is not sent any more."""
    values = {"channel_id": ulid_to_uuid(channel_id), "error": error}
    await connection.execute(query("give_up_deliveries"), values)


async def retry(connection: Connection, delivery_id: str) -> bool:
    """Make a message due at once; False for one that was sent."""
    cursor = await connection.execute(query("retry_delivery"), [ulid_to_uuid(delivery_id)])
    return bool(cursor.rowcount)


async def deliveries(
    connection: Connection,
    *,
    delivery_id: str | None = None,
    channel_id: str | None = None,
    state: State | None = None,
    before: str | None = None,
    limit: int = 1,
) -> list[Delivery]:
    """Messages, newest first; `before` is the last id of the page before."""
    values = {
        "id": _uuid(delivery_id),
        "channel_id": _uuid(channel_id),
        "state": state,
        "before": _uuid(before),
        "limit": limit,
    }
    cursor = await connection.execute(query("select_deliveries"), values)
    return [_delivery(row) for row in await cursor.fetchall()]


async def subject_named(connection: Connection, scope: str, subject_id: str) -> Subject:
    """Of a team, user, key or account, by what events call it."""
    if scope != "user":
        try:
            subject_id = str(ulid_to_uuid(subject_id))
        except ValueError:
            return Subject()
    values = {"scope": scope, "id": subject_id}
    row = await (await connection.execute(query("name_of_scope"), values)).fetchone()
    if row is None:
        return Subject()
    return Subject(row["name"], None if row["team_id"] is None else uuid_to_ulid(row["team_id"]))


class Expiring(msgspec.Struct, frozen=True):
    """A key that ends soon. Times are UTC."""

    id: str
    name: str
    key_prefix: str
    user_id: str
    team_id: str | None
    expires_at: datetime


async def expiring_keys(
    connection: Connection, now: datetime, days: int, limit: int
) -> list[Expiring]:
    """Keys that end within so many days, soonest first, and whose end nobody was told since."""
    values = {"now": now, "days": days, "limit": limit}
    cursor = await connection.execute(query("expiring_keys"), values)
    return [
        Expiring(
            id=uuid_to_ulid(row["id"]),
            name=row["name"],
            key_prefix=row["key_prefix"],
            user_id=row["user_id"],
            team_id=None if row["team_id"] is None else uuid_to_ulid(row["team_id"]),
            expires_at=row["expires_at"],
        )
        for row in await cursor.fetchall()
    ]


async def keep_told(connection: Connection, keys: Sequence[Expiring], days: int) -> None:
    """Their end was told so many days before it."""
    for key in keys:
        values = {"key_id": ulid_to_uuid(key.id), "days": days, "expires_at": key.expires_at}
        await connection.execute(query("put_expiry_told"), values)


def _values(channel: StoredChannel) -> dict[str, Any]:
    return {
        "id": ulid_to_uuid(channel.id),
        "name": channel.name,
        "kind": channel.kind,
        "settings": Jsonb(channel.settings),
        "sealed_secrets": channel.sealed_secrets,
        "events": list(channel.events),
        "team_ids": [ulid_to_uuid(one) for one in channel.team_ids],
        "severity": channel.severity,
        "enabled": channel.enabled,
    }


def _channel(row: Mapping[str, Any]) -> StoredChannel:
    return StoredChannel(
        id=uuid_to_ulid(row["id"]),
        name=row["name"],
        kind=row["kind"],
        settings=row["settings"],
        sealed_secrets=row["sealed_secrets"],
        events=tuple(row["events"]),
        team_ids=tuple(uuid_to_ulid(one) for one in row["team_ids"]),
        severity=row["severity"],
        enabled=row["enabled"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery(
        id=uuid_to_ulid(row["id"]),
        channel_id=uuid_to_ulid(row["channel_id"]),
        channel_name=row["channel_name"],
        notice=msgspec.convert(row["notice"], Notice),
        state=row["state"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"],
        last_error=row["last_error"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _uuid(ulid: str | None) -> UUID | None:
    return None if ulid is None else ulid_to_uuid(ulid)
