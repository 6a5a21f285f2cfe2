"""Price books that an operator imported: rows, what of them is projected, records to re-rate."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from common.domain.ids import ulid_to_uuid, uuid_to_ulid
from common.domain.money import pico_from_usd
from common.domain.rerating import UNPRICED, Posted
from common.domain.usage import TOKEN_CLASSES, Tokens, UsageRecord
from common.store.database import Connection, query

_ID_COLUMNS = ("id", "adjusts", "key_id", "team_id", "account_id")
_canonical = msgspec.json.Encoder(order="sorted")


class ImportedBook(msgspec.Struct, frozen=True):
    """One import. `book` is the file's own content."""

    id: str
    version: int
    name: str
    digest: str
    effective_from: datetime
    book: dict[str, Any]
    imported_at: datetime
    imported_by: str


class ProjectedBook(msgspec.Struct, frozen=True):
    """What `relay` reads of one."""

    effective_ms: int
    book: dict[str, Any]


def digest_of(book: dict[str, Any]) -> str:
    """The same for the same content, however it is written."""
    return hashlib.sha256(_canonical.encode(book)).hexdigest()


async def lock(connection: Connection) -> None:
    """Hold back other imports until the transaction ends."""
    await connection.execute(query("lock_price_books"))


async def add(
    connection: Connection,
    book_id: str,
    name: str,
    book: dict[str, Any],
    effective_from: datetime,
    imported_by: str,
) -> None:
    """Keep a book, with its change row. Raises `psycopg.errors.UniqueViolation` for its name."""
    values = {
        "id": ulid_to_uuid(book_id),
        "name": name,
        "digest": digest_of(book),
        "effective_from": effective_from,
        "book": Jsonb(book),
        "imported_by": imported_by,
    }
    await connection.execute(query("insert_price_book"), values)
    await connection.execute(query("insert_prices_change"), [ulid_to_uuid(book_id)])


async def imported(connection: Connection) -> list[ImportedBook]:
    """All of them, the last to begin first."""
    cursor = await connection.execute(query("select_price_books"))
    return [
        ImportedBook(**{**row, "id": uuid_to_ulid(row["id"])}) for row in await cursor.fetchall()
    ]


async def projected(connection: Connection, since_ms: int) -> tuple[int, list[ProjectedBook]]:
    """All books in force from that moment on, in order, and the version of the list."""
    books = await imported(connection)
    found: list[ProjectedBook] = []
    for one in books:
        effective_ms = int(one.effective_from.timestamp() * 1000)
        found.insert(0, ProjectedBook(effective_ms, one.book))
        if effective_ms <= since_ms:
            break
    return max((one.version for one in books), default=0), found


async def rated(
    connection: Connection,
    *,
    since: UUID,
    until: UUID,
    after: str | None,
    model: str | None,
    limit: int,
) -> list[Posted]:
    """A page of usage records with all that was posted to each; `after` is the last page's id."""
    values = {
        "since": since,
        "until": until,
        "after": None if after is None else ulid_to_uuid(after),
        "model": model,
        "limit": limit,
    }
    cursor = await connection.execute(query("select_rated"), values)
    return [_posted(row) for row in await cursor.fetchall()]


def _posted(row: dict[str, Any]) -> Posted:
    members = {name: row[name] for name in UsageRecord.__struct_fields__ if name in row}
    for name in _ID_COLUMNS:
        members[name] = None if row[name] is None else uuid_to_ulid(row[name])
    members["tokens"] = Tokens(**{name: row[name] for name in TOKEN_CLASSES})
    members["cost_usd"] = f"{row['cost_usd']:f}"
    members["unit_prices"] = row["unit_prices"] or {}
    members["service_tier"] = row["later_tier"] or row["service_tier"]
    moment = row["occurred_at"].isoformat(timespec="milliseconds")
    members["occurred_at"] = moment.replace("+00:00", "Z")
    return Posted(
        record=UsageRecord(**members),
        tokens=Tokens(**{name: row[name] + int(row[f"later_{name}"]) for name in TOKEN_CLASSES}),
        searches=row["searches"] + int(row["later_searches"]),
        cost_pico=pico_from_usd(f"{row['cost_usd'] + row['later_cost']:f}"),
        adjustments=row["adjustments"],
        priced=row["price_version"] != UNPRICED or row["priced_later"],
    )
