"""Accounts: rows, and the list of them that is projected into Redis."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from common.domain.accounts import NO_OPTIONS, AccountRecord, Options
from common.domain.ids import ulid_to_uuid, uuid_to_ulid
from common.store import policies
from common.store.database import Connection, query


class Account(msgspec.Struct, frozen=True):
    """An account as administrators see it, without its credential. Times are UTC."""

    record: AccountRecord
    credential_key_id: str
    version: int
    created_at: datetime
    updated_at: datetime


async def create(connection: Connection, record: AccountRecord) -> Account:
    """Write a new account with its sealed credential, and its change row.

    Raises `psycopg.errors.UniqueViolation` for a name that another account has.
    """
    await connection.execute(query("insert_account"), _values(record))
    return await _written(connection, record.id)


async def update(connection: Connection, record: AccountRecord, version: int) -> Account | None:
    """Write all of an account if it still has that version; None when it has not.

    Raises as `create`.
    """
    values = _values(record) | {"version": version}
    cursor = await connection.execute(query("update_account"), values)
    return await _written(connection, record.id) if cursor.rowcount else None


async def delete(connection: Connection, account_id: str) -> bool:
    """Delete for ever, credential first; the row stays. False when it is gone already."""
    cursor = await connection.execute(query("delete_account"), [ulid_to_uuid(account_id)])
    if not cursor.rowcount:
        return False
    await connection.execute(query("insert_accounts_change"), [ulid_to_uuid(account_id)])
    return True


async def lock(connection: Connection) -> None:
    """Hold back other changes of accounts until the transaction ends: they share one list."""
    await connection.execute(query("lock_accounts"))


async def bump(connection: Connection, account_id: str) -> None:
    """Raise the version of an account that stays as it is, with a change row."""
    identifier = ulid_to_uuid(account_id)
    await connection.execute(query("bump_account"), [identifier])
    await connection.execute(query("insert_accounts_change"), [identifier])


async def outrun(connection: Connection, account_id: str, version: int) -> bool | None:
    """As `keys.outrun`, for the list of accounts by the account that is changing."""
    identifier = ulid_to_uuid(account_id)
    cursor = await connection.execute(query("lock_account_version"), [identifier])
    row = await cursor.fetchone()
    if row is None:
        return None
    if row["version"] >= version:
        return False
    await bump(connection, account_id)
    return True


async def find(connection: Connection, account_id: str) -> Account | None:
    """One account that is not deleted."""
    found = await page(connection, account_id=account_id, limit=1)
    return found[0] if found else None


async def share(connection: Connection, account_id: str) -> bool:
    """Whether the account is there; then it is not deleted until the transaction ends."""
    cursor = await connection.execute(query("share_account"), [ulid_to_uuid(account_id)])
    return await cursor.fetchone() is not None


async def page(
    connection: Connection,
    *,
    account_id: str | None = None,
    provider: str | None = None,
    before: str | None = None,
    limit: int,
) -> list[Account]:
    """Accounts, newest first; `before` is the last id of the page before."""
    values = {
        "id": None if account_id is None else ulid_to_uuid(account_id),
        "provider": provider,
        "before": None if before is None else ulid_to_uuid(before),
        "limit": limit,
    }
    cursor = await connection.execute(query("select_accounts"), values)
    return [_account(row) for row in await cursor.fetchall()]


async def projected(connection: Connection) -> tuple[int, list[AccountRecord]]:
    """The list for Redis with its version, which every change of any account raises."""
    row = await (await connection.execute(query("accounts_version"))).fetchone()
    accounts = await page(connection, limit=10_000)
    version = int(row["version"]) if row is not None else 0
    return version, [account.record for account in accounts]


async def _written(connection: Connection, account_id: str) -> Account:
    await connection.execute(query("insert_accounts_change"), [ulid_to_uuid(account_id)])
    account = await find(connection, account_id)
    if account is None:
        raise LookupError("the account that was just written is not there")
    return account


def _values(record: AccountRecord) -> dict[str, Any]:
    return {
        "id": ulid_to_uuid(record.id),
        "name": record.name,
        "provider": record.provider,
        "base_url": record.base_url,
        "credential": record.sealed_credential,
        "models": Jsonb(record.models),
        "priority": record.priority,
        "weight": record.weight,
        "max_concurrency": record.max_concurrency,
        "enabled": record.enabled,
        "discount": record.discount,
        "region": record.region,
        "tags": Jsonb(record.tags),
        "options": Jsonb(msgspec.to_builtins(record.options)),
        "extra_headers": Jsonb(record.extra_headers),
        "egress": record.egress,
        "expires_at": _time(record.expires_at_ms),
        "schedulable": record.schedulable,
        **policies.columns(record.policy),
    }


def _account(row: Mapping[str, Any]) -> Account:
    return Account(
        record=AccountRecord(
            id=uuid_to_ulid(row["id"]),
            name=row["name"],
            provider=row["provider"],
            base_url=row["base_url"],
            sealed_credential=row["credential"],
            models=row["models"],
            priority=row["priority"],
            weight=row["weight"],
            max_concurrency=row["max_concurrency"],
            enabled=row["enabled"],
            discount=row["discount"],
            region=row["region"],
            tags=row["tags"],
            options=msgspec.convert(row["options"], Options) if row["options"] else NO_OPTIONS,
            extra_headers=row["extra_headers"],
            egress=row["egress"],
            expires_at_ms=_ms(row["expires_at"]),
            schedulable=row["schedulable"],
            policy=policies.read(row, policies.COUNTS_COLUMNS),
        ),
        credential_key_id=row["credential"].partition(":")[0],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _time(moment_ms: int | None) -> datetime | None:
    return None if moment_ms is None else datetime.fromtimestamp(moment_ms / 1000, UTC)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
