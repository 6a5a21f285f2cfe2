"""What the ledger says of counters, which scopes have any, and what is remembered of drift."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from common.domain.policies import Applied, Level
from common.domain.reconciliation import Counter, Drift, Figure, Sums
from common.store import policies
from common.store.database import Connection, query

# In this order, by which a run that was stopped goes on.
LEVELS: tuple[Level, ...] = ("organisation", "team", "user", "key")
TASK = "reconcile"


class KnownDrift(msgspec.Struct, frozen=True):
    """A figure that differed when it was looked at last. Money in nano-USD, times UTC."""

    counter: str
    figure: Figure
    scope: str
    period: str
    counted: int
    expected: int
    first_seen_at: datetime
    seen_at: datetime


class DriftSums(msgspec.Struct, frozen=True):
    """All of it: USD counted too little and too much, how many figures, when was looked last."""

    under_usd: float
    over_usd: float
    counters: int
    looked_at: datetime | None


async def read_one_moment(connection: Connection) -> None:
    """Let the transaction that begins see one moment only: that of its next statement."""
    await connection.execute(query("set_snapshot"))


async def limited(
    connection: Connection,
    level: Level,
    *,
    subject: str | None = None,
    after: str = "",
    limit: int = 200,
) -> list[tuple[str, Applied]]:
    """Scopes of a level whose spending is counted, with their subjects, in these' order."""
    values = {"subject": subject, "after": after, "limit": limit}
    cursor = await connection.execute(query(f"limited_{level}s"), values)
    return [
        (row["subject"], Applied(level, row["scope"], policies.read(row)))
        for row in await cursor.fetchall()
    ]


async def sums(connection: Connection, counters: Sequence[Counter]) -> dict[str, Sums]:
    """What the ledger has for each counter: totals where they have its period, else rollups."""
    found: dict[str, Sums] = {}
    in_totals = {(one.scope, one.span.id): one.key for one in counters if one.in_totals}
    if in_totals:
        scopes = sorted({scope for scope, _ in in_totals})
        periods = sorted({period for _, period in in_totals})
        cursor = await connection.execute(query("read_totals"), [scopes, periods])
        for row in await cursor.fetchall():
            if key := in_totals.get((row["scope"], row["period"])):
                found[key] = Sums(int(row["pico"]), row["records"])
    for one in counters:
        if not one.in_totals:
            used = await policies.used_between(
                connection, one.scope, one.span.start_ms, one.span.end_ms
            )
            requests, tokens = int(used["requests"]), int(used["tokens"])
            found[one.key] = Sums(int(used["pico"]), requests, requests, tokens)
    return found


async def in_ledger(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these records the ledger has."""
    cursor = await connection.execute(query("in_ledger"), [list(ids)])
    return {row["id"] for row in await cursor.fetchall()}


async def remember(connection: Connection, scopes: Sequence[str], drifts: Sequence[Drift]) -> None:
    """These scopes were looked at, and this is what was left different."""
    left = [drift.name for drift in drifts]
    await connection.execute(query("forget_drifts"), {"scopes": list(scopes), "left": left})
    for drift in sorted(drifts, key=lambda one: one.name):
        values = {
            "counter": drift.counter.key,
            "figure": drift.figure,
            "scope": drift.counter.scope,
            "period": drift.counter.span.id,
            "counted": drift.counted,
            "expected": drift.expected,
        }
        await connection.execute(query("upsert_drift"), values)


async def forget_unlooked(connection: Connection) -> None:
    """Forget drift that no run has seen for two days: its period or its scope is no more."""
    await connection.execute(query("forget_unlooked_drifts"))


async def drifts(connection: Connection, limit: int) -> list[KnownDrift]:
    """What is remembered, the largest differences first."""
    cursor = await connection.execute(query("select_drifts"), [limit])
    return [msgspec.convert(row, KnownDrift) for row in await cursor.fetchall()]


async def drift_sums(connection: Connection) -> DriftSums:
    """What is remembered, in all."""
    row = await (await connection.execute(query("sum_drifts"))).fetchone()
    if row is None:
        raise LookupError("an aggregate without a row")
    return DriftSums(
        float(row["under_usd"]), float(row["over_usd"]), int(row["counters"]), row["looked_at"]
    )


async def outrun_everything(connection: Connection, least: int) -> None:
    """Give every projected record a version that nobody has ever seen: none was so large.

    `least` is the time in ms, far above any number of changes, and above those of the last time.
    """
    await connection.execute(query("set_no_timeout"))
    await connection.execute(query("raise_versions"), [least])
    await connection.execute(query("renumber_everything"))


async def cursor_of(connection: Connection) -> str:
    """Where the last run stopped; empty when it was through."""
    row = await (await connection.execute(query("select_cursor"), [TASK])).fetchone()
    return "" if row is None else str(row["after"])


async def put_cursor(connection: Connection, after: str) -> None:
    """Where this run stops; empty when it is through."""
    await connection.execute(query("put_cursor"), {"task": TASK, "after": after})
