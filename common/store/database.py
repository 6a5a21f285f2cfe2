"""Connections to Postgres: a small pool, opened at first use, whose failures are one exception."""

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

Connection: TypeAlias = AsyncConnection[DictRow]

CONNECTIONS_MAX = 8
# How long a call waits for a connection before Postgres counts as away.
WAIT_S = 3.0
CONNECT_S = 3
IDLE_S = 60.0
STATEMENT_TIMEOUT_MS = 30_000

_QUERIES = Path(__file__).parent / "queries"


class DatabaseUnavailable(Exception):
    """Postgres cannot be asked: away, restarting, overloaded, or without this version's schema."""


class Database:
    """A pool for one event loop. Nothing connects before the first transaction."""

    def __init__(
        self,
        url: str,
        connections_max: int = CONNECTIONS_MAX,
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    ) -> None:
        self._url = url
        self._statement_timeout_ms = statement_timeout_ms
        self._connections_max = connections_max
        self._pool: AsyncConnectionPool[Connection] | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction: committed at the end, rolled back by an exception.

        Raises `DatabaseUnavailable` when Postgres cannot be asked, at whatever point it went.
        """
        try:
            pool = await self._opened()
            async with pool.connection() as connection, connection.transaction():
                yield connection
        except (PoolTimeout, PoolClosed, TooManyRequests) as error:
            raise DatabaseUnavailable("Postgres cannot be reached") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseUnavailable(f"Postgres cannot be asked: {_first_line(error)}") from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise DatabaseUnavailable(
                f"the database lacks this version's schema ({_first_line(error)}): "
                "run `relayctl migrate`"
            ) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()

    async def _opened(self) -> "AsyncConnectionPool[Connection]":
        if self._pool is None:
            self._pool = AsyncConnectionPool(
                self._url,
                connection_class=AsyncConnection[DictRow],
                kwargs={
                    "row_factory": dict_row,
                    "connect_timeout": CONNECT_S,
                    # Compiling a report takes Postgres longer than answering it.
                    "options": f"-c statement_timeout={self._statement_timeout_ms}"
                    " -c timezone=UTC -c jit=off",
                    "application_name": "relay",
                },
                min_size=0,
                max_size=self._connections_max,
                timeout=WAIT_S,
                max_idle=IDLE_S,
                reconnect_timeout=WAIT_S,
                # One that Postgres closed meanwhile is replaced before anybody gets it.
                check=AsyncConnectionPool.check_connection,
                open=False,
            )
            await self._pool.open()
        return self._pool


@functools.cache
def query(name: str) -> bytes:
    """The text of `queries/<name>.sql`."""
    return (_QUERIES / f"{name}.sql").read_bytes()


def _first_line(error: BaseException) -> str:
    lines: list[Any] = str(error).strip().splitlines()
    return str(lines[0]) if lines else type(error).__name__
