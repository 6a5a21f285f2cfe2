"""Whether an imported configuration can be read again: one row that cannot would stop them all.

Redis gets everything or nothing: with such a row no key could be changed any more, and an empty
Redis would stay empty.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from common.domain.prices import PriceBook
from common.store import accounts, directory, keys, notifications, price_books, routing
from common.store.configuration import Rows
from common.store.database import Connection
from functions.key_admin.models.content import content_faults
from functions.key_admin.problem import Problem, invalid_field

PAGE = 500
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, LookupError)


async def check_readable(connection: Connection, tables: Mapping[str, Rows]) -> None:
    """After the rows were written. Raises `Problem` 422."""
    for table in ("teams", "api_keys"):
        for row in tables[table]:
            if faults := content_faults(row):
                raise _unreadable(table, faults[0])
    for table, reader in _READERS.items():
        try:
            await reader(connection)
        except _UNREADABLE as error:
            raise _unreadable(table, str(error)) from None


async def _read_teams(connection: Connection) -> None:
    before: str | None = None
    while page := await directory.page_of_teams(connection, before=before, limit=PAGE):
        before = page[-1].id


async def _read_users(connection: Connection) -> None:
    after: str | None = None
    while page := await directory.page_of_users(connection, after=after, limit=PAGE):
        after = page[-1].id


async def _read_keys(connection: Connection) -> None:
    after: str | None = None
    while page := await keys.page(connection, after=after, limit=PAGE):
        after = page[-1].record.id


async def _read_books(connection: Connection) -> None:
    for one in await price_books.imported(connection):
        PriceBook.from_json(msgspec.json.encode(one.book))


_READERS: dict[str, Callable[[Connection], Awaitable[object]]] = {
    "teams": _read_teams,
    "users": _read_users,
    "accounts": accounts.projected,
    "routing_entries": routing.projected,
    "price_books": _read_books,
    "api_keys": _read_keys,
    "notification_channels": notifications.channels,
}


def _unreadable(table: str, why: str) -> Problem:
    return invalid_field(f"configuration.tables.{table}", f"has a row that is none: {why}")
