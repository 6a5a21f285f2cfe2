"""Migrations: forward only, each once and in one transaction, by a job, never at a start."""

import hashlib
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from common.store.database import query

MIGRATIONS = Path(__file__).parent / "migrations"
WAIT_S = 60.0
LOCK_TIMEOUT_MS = 2_000
AGAIN_S = 1.0
_NAME = re.compile(r"\d{4}_(pre|post)_[a-z_]+\.sql")
VERSION_MIN = 150_000


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
        connection.execute(query("lock_migrations"))
        connection.execute(query("create_schema_migrations"))
        present: dict[str, str] = dict(connection.execute(query("applied_migrations")).fetchall())
        known = migrations()
        _check(present, known)
        applied = [one for one in known if one.name not in present]
        end = time.monotonic() + wait_s
        for one in applied:
            _apply(connection, one, end)
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
    while True:
        try:
            with connection.transaction():
                # Who waits for a whole table holds up all who ask for it later: posting, for one.
                connection.execute(query("set_lock_timeout"), [f"{LOCK_TIMEOUT_MS}ms"])
                connection.execute(one.text)
                connection.execute(query("insert_migration"), [one.name, one.checksum])
        except psycopg.errors.LockNotAvailable as error:
            if time.monotonic() > end:
                raise MigrationFailed(
                    f"{one.name} was undone: a table that it changes is in use, maybe by a long "
                    "query (pg_stat_activity tells); try again when that is over"
                ) from error
        except psycopg.Error as error:
            raise MigrationFailed(f"{one.name} failed and was undone: {error}") from error
        else:
            return
        time.sleep(AGAIN_S)
