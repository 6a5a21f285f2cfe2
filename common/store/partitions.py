"""The ledger's partitions: one a month, by the ids' own time."""

from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import msgspec
import psycopg

from common.domain.ids import first_uuid
from common.store.database import Connection, query

# Months beyond the current one that are kept ready: cleanup may fail for so long.
MONTHS_AHEAD = 3
_NAME = "ledger_%Y_%m"
# How long dropping waits for who reads or writes, because all that comes after waits behind it.
LOCK_TIMEOUT_MS = 500


class PartitionBusy(Exception):
    """Somebody reads or writes the ledger for longer than is waited; nothing was dropped."""


class PartitionHasNewer(Exception):
    """A partition has rows that are not old enough; the text names it. Nothing was dropped."""


class Bounds(msgspec.Struct, frozen=True):
    """Ids that some partition takes: from `since` up to but not including `until`."""

    since: UUID
    until: UUID

    def hold(self, record_id: UUID) -> bool:
        """Whether the id has a partition."""
        return self.since <= record_id < self.until


async def bounds(connection: Connection) -> Bounds | None:
    """From the oldest partition's begin to the newest's end; None without any."""
    row = await (await connection.execute(query("partition_bounds"))).fetchone()
    if row is None or row["since_id"] is None:
        return None
    return Bounds(row["since_id"], row["until_id"])


async def ensure(connection: Connection, now_ms: int, months_ahead: int = MONTHS_AHEAD) -> int:
    """Make what is missing from this month on; returns how many were made.

    The first time from the last month on: a record made just before its end may come now. Later
    never backwards, where retention has dropped partitions: a record that was dropped with one
    must not enter again.

    Nobody who reads or writes the ledger waits: a table is made first and then attached, which
    unlike `CREATE TABLE … PARTITION OF` locks out only who changes the ledger's definition.
    """
    await connection.execute(query("lock_partitions"))
    months = await missing(connection, now_ms, months_ahead)
    for since, until in months:
        await _create(connection, since.strftime(_NAME), first_uuid(since), first_uuid(until))
    return len(months)


async def missing(
    connection: Connection, now_ms: int, months_ahead: int = MONTHS_AHEAD
) -> list[tuple[datetime, datetime]]:
    """The months that `ensure` would make: where each begins, and where the next one does."""
    rows = await (await connection.execute(query("partition_names"))).fetchall()
    present = {row["name"] for row in rows}
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    first = -1
    if present:
        newest = datetime.strptime(max(present), _NAME).replace(tzinfo=UTC)
        # Also the months of a pause that was longer than what had been made ahead.
        first = min(0, (newest.year - now.year) * 12 + newest.month - now.month + 1)
    months = [_month(now, ahead) for ahead in range(first, months_ahead + 2)]
    return [
        (since, until) for since, until in pairwise(months) if since.strftime(_NAME) not in present
    ]


async def ended(connection: Connection, before: datetime) -> list[str]:
    """Partitions, oldest first, whose month ended by that time; never the newest of all."""
    cursor = await connection.execute(query("ended_partitions"), [first_uuid(before)])
    return [row["name"] for row in await cursor.fetchall()]


async def drop_oldest(connection: Connection, before: datetime) -> str | None:
    """Drop the oldest partition if its month ended by that time; its name, None without one.

    Its row goes in the same transaction, so that no record of that month enters again. Raises
    `PartitionBusy` and `PartitionHasNewer`.
    """
    try:
        await connection.execute(query("set_lock_timeout"), [f"{LOCK_TIMEOUT_MS}ms"])
        await connection.execute(query("lock_partitions"))
        names = await ended(connection, before)
        if not names:
            return None
        # What somebody has taken out of the ledger, to keep it elsewhere, is not ours to drop.
        if await _attached(connection, names[0]):
            await _drop(connection, names[0], first_uuid(before))
        await connection.execute(query("delete_partition"), [names[0]])
    except psycopg.errors.LockNotAvailable as error:
        raise PartitionBusy("the ledger is being read or written") from error
    return names[0]


async def count_droppable(connection: Connection, before: datetime, limit: int) -> int:
    """How many partitions `drop_oldest` would drop one after the other, counted up to `limit`."""
    count = 0
    for name in (await ended(connection, before))[:limit]:
        if await _attached(connection, name) and await _has_newer(
            connection, name, first_uuid(before)
        ):
            break
        count += 1
    return count


async def _attached(connection: Connection, name: str) -> bool:
    row = await (await connection.execute(query("partition_attached"), [name])).fetchone()
    return row is not None and bool(row["attached"])


async def _has_newer(connection: Connection, name: str, before: UUID) -> bool:
    row = await (await connection.execute(_about("partition_has_newer", name), [before])).fetchone()
    return row is None or bool(row["newer"])


async def _drop(connection: Connection, name: str, before: UUID) -> None:
    await connection.execute(_about("lock_partition", name))
    if await _has_newer(connection, name, before):
        raise PartitionHasNewer(f"{name} has records that are not old enough to be dropped")
    await connection.execute(_about("drop_partition", name))


def _about(statement: str, name: str) -> bytes:
    # Statements of this kind take no parameters; a name of another form raises `ValueError`.
    datetime.strptime(name, _NAME)  # noqa: DTZ007 - only whether it is one
    return query(statement).decode().format(name=name).encode()


async def _create(connection: Connection, name: str, since: UUID, until: UUID) -> None:
    # Names and bounds are made here from a date; statements of this kind take no parameters.
    statements = (
        f"CREATE TABLE {name} (LIKE ledger INCLUDING DEFAULTS INCLUDING CONSTRAINTS); "
        f"ALTER TABLE ledger ATTACH PARTITION {name} FOR VALUES FROM ('{since}') TO ('{until}')"
    )
    await connection.execute(statements.encode())
    await connection.execute(query("insert_partition"), [name, since, until])


def _month(moment: datetime, ahead: int) -> datetime:
    month = moment.year * 12 + moment.month - 1 + ahead
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
