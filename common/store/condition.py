"""How the database is doing, for whoever looks after it."""

from datetime import datetime

import msgspec

from common.store.database import Connection, query
from common.store.migrate import VERSION_MIN, migrations


class Schema(msgspec.Struct, frozen=True):
    """Names of migrations: those the database lacks, and those this version does not know.

    One that was applied with another text is unknown too.
    """

    applied: int
    missing: tuple[str, ...]
    unknown: tuple[str, ...]


class Condition(msgspec.Struct, frozen=True):
    """What waits for somebody."""

    quarantined: int
    dead_letters: int
    changes: int
    oldest_change: datetime | None
    bytes: int
    connections: int
    connections_max: int
    messages_waiting: int
    messages_given_up: int


async def schema(connection: Connection) -> Schema:
    """The schema's version. Raises `psycopg.errors.UndefinedTable` when there is none at all."""
    rows = await (await connection.execute(query("applied_migrations"))).fetchall()
    present = {row["name"]: row["checksum"] for row in rows}
    known = {one.name: one.checksum for one in migrations()}
    return Schema(
        applied=len(present),
        missing=tuple(sorted(known.keys() - present.keys())),
        unknown=tuple(sorted(dict(present.items() - known.items()))),
    )


async def condition(connection: Connection) -> Condition:
    """The counts. Raises as `schema`."""
    row = await (await connection.execute(query("select_condition"))).fetchone()
    if row is None:
        raise LookupError("a SELECT without FROM gave no row")
    return Condition(**row)


async def unpriced(connection: Connection, *, days: int, limit: int) -> dict[str, int]:
    """Requests of the last days that used models without a price, by model, most first."""
    values = {"days": days, "limit": limit}
    rows = await (await connection.execute(query("select_unpriced"), values)).fetchall()
    return {row["model"]: row["requests"] for row in rows}


async def clock(connection: Connection) -> datetime:
    """Postgres' clock."""
    row = await (await connection.execute(query("clock"))).fetchone()
    if row is None:
        raise LookupError("a SELECT without FROM gave no row")
    now: datetime = row["now"]
    return now


def is_too_old(connection: Connection) -> bool:
    """Whether Postgres is older than Relay needs."""
    return connection.info.server_version < VERSION_MIN
