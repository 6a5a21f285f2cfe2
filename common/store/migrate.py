"""Migrations: forward only, each once and in one transaction, by a job, never at a start.

Indexes of large tables would lock out who writes for as long as they are made, so two ways lead
around a transaction: a file that begins with `-- online` is executed statement by statement
(`CREATE INDEX CONCURRENTLY`; whatever was done of it is done again, should it be interrupted), and
an index that a file makes `ON ONLY` a partitioned table is made for one partition after the other
once all files are applied.
"""

import functools
import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from common.store.database import query

MIGRATIONS = Path(__file__).parent / "migrations"
WAIT_S = 60.0
LOCK_TIMEOUT_MS = 2_000
AGAIN_S = 1.0
LOCKED_S = 0.1
_NAME = re.compile(r"\d{4}_(pre|post)_[a-z_]+\.sql")
VERSION_MIN = 150_000
_ONLINE = b"-- online"


class MigrationFailed(Exception):
    """The database is not as this version needs it; the text says what to do."""


class Migration(msgspec.Struct, frozen=True):
    """One file. `checksum` is the SHA-256 of its text."""

    name: str
    text: bytes
    checksum: str


def migrations(directory: Path = MIGRATIONS) -> list[Migration]:
    """All migrations in order."""
    found = []
    for path in sorted(directory.glob("*.sql")):
        if not _NAME.fullmatch(path.name):
            raise MigrationFailed(f"{path.name} is no migration's name, e.g. 0003_pre_accounts.sql")
        text = path.read_bytes()
        found.append(Migration(path.stem, text, hashlib.sha256(text).hexdigest()))
    return found


def migrate(url: str, *, wait_s: float = WAIT_S) -> list[str]:
    """Apply what is missing and return the names; waits for a Postgres that starts.

    Waits as long again for tables that others use, and lets those by who come after them.

    Raises `MigrationFailed` with a sentence; nothing of a failed migration stays.
    """
    with _connected(url, wait_s) as connection:
        if connection.info.server_version < VERSION_MIN:
            raise MigrationFailed("Relay needs Postgres 15 or later (UNIQUE NULLS NOT DISTINCT).")
        # Tried, not waited for: whoever makes an index CONCURRENTLY waits for who waits for it.
        while not connection.execute(query("lock_migrations")).fetchall()[0][0]:
            time.sleep(LOCKED_S)
        connection.execute(query("create_schema_migrations"))
        present: dict[str, str] = dict(connection.execute(query("applied_migrations")).fetchall())
        known = migrations()
        _check(present, known)
        applied = [one for one in known if one.name not in present]
        end = time.monotonic() + wait_s
        for one in applied:
            if one.text.startswith(_ONLINE):
                _apply_online(connection, one)
            else:
                _apply(connection, one, end)
        _complete_indexes(connection, time.monotonic() + wait_s)
        return [one.name for one in applied]


def _connected(url: str, wait_s: float) -> "psycopg.Connection[tuple[Any, ...]]":
    end = time.monotonic() + wait_s
    while True:
        try:
            return psycopg.connect(url, autocommit=True, connect_timeout=5)
        except psycopg.OperationalError as error:
            if time.monotonic() > end:
                reason = (str(error).strip().splitlines() or ["no answer"])[0]
                raise MigrationFailed(f"Postgres cannot be reached: {reason}") from error
        time.sleep(0.5)


def _check(present: dict[str, str], known: list[Migration]) -> None:
    checksums = {one.name: one.checksum for one in known}
    for name, checksum in sorted(present.items()):
        if name not in checksums:
            raise MigrationFailed(
                f"the database was made by a newer version of Relay (it has {name}): "
                "use that version, or another database"
            )
        if checksums[name] != checksum:
            raise MigrationFailed(
                f"{name} was applied with another text than this version has: the database "
                "belongs to another build of Relay"
            )


def _apply(connection: "psycopg.Connection[tuple[Any, ...]]", one: Migration, end: float) -> None:
    def apply() -> None:
        connection.execute(one.text)
        connection.execute(query("insert_migration"), [one.name, one.checksum])

    try:
        _patiently(connection, apply, end)
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationFailed(
            f"{one.name} was undone: a table that it changes is in use, maybe by a long "
            "query (pg_stat_activity tells); try again when that is over"
        ) from error
    except psycopg.Error as error:
        raise MigrationFailed(f"{one.name} failed and was undone: {error}") from error


def _apply_online(connection: "psycopg.Connection[tuple[Any, ...]]", one: Migration) -> None:
    try:
        for statement in one.text.split(b";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(query("insert_migration"), [one.name, one.checksum])
    except psycopg.Error as error:
        raise MigrationFailed(
            f"{one.name} failed: {error}; run it again, what was done of it does not hinder"
        ) from error


def _complete_indexes(connection: "psycopg.Connection[tuple[Any, ...]]", end: float) -> None:
    """Make what partitions lack of the indexes of their tables, without locking who writes."""
    try:
        for row in connection.execute(query("missing_partition_indexes")).fetchall():
            partition, parent, name, definition = row
            connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}".encode())
            connection.execute(
                f"CREATE INDEX CONCURRENTLY {name} ON {partition} {definition}".encode()
            )
            attach = f"ALTER INDEX {parent} ATTACH PARTITION {name}".encode()
            _patiently(connection, functools.partial(connection.execute, attach), end)
    except psycopg.Error as error:
        raise MigrationFailed(
            f"an index of the ledger was not finished: {error}; run the migration again"
        ) from error


def _patiently(
    connection: "psycopg.Connection[tuple[Any, ...]]", change: Callable[[], Any], end: float
) -> None:
    """In a transaction, again until `end` while tables are in use. Raises `LockNotAvailable`."""
    while True:
        try:
            with connection.transaction():
                # Who waits for a whole table holds up all who ask for it later: posting, for one.
                connection.execute(query("set_lock_timeout"), [f"{LOCK_TIMEOUT_MS}ms"])
                change()
        except psycopg.errors.LockNotAvailable:
            if time.monotonic() > end:
                raise
        else:
            return
        time.sleep(AGAIN_S)
