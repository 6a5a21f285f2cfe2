"""Counters in Redis against the ledger, while traffic runs, to the nano-USD.

A counter is a cache: of what the ledger has of its scope and period, plus what is settled and not
posted yet, plus (reserved money, counted requests) what is open. These three never stand still
together, and Redis and Postgres know no common moment. One is made so:

1. *Hold*: from now on what leaves the outbox is kept aside (`delete_posted.lua`). A record leaves
   the outbox only after its transaction has committed. So whatever left before the hold is seen by
   any later look at the ledger; whatever was settled later, or waited, can be found until the end.
2. *Cut*: one script reads the counters, what open leases hold on them, and the newest outbox id.
   A settle counts and appends in one call. So of all records exactly those up to that id are in
   these counters, however many have been posted.
3. *Ledger*: one snapshot (REPEATABLE READ) reads the sums, at any moment after the hold.
4. *Entries*: the outbox, and what was kept aside. In the same snapshot the ledger is asked which of
   them it has. A record up to the cut's id that it has not is added to the sums, one after that id
   that it has is taken off. What is settled after step 4 can be in neither.

So the sums are those of the cut's own moment, and the difference is exact under any load; it may
be taken away at any later moment by adding its opposite, because whatever happens meanwhile moves
counter and truth alike. Only two things write counters otherwise: another reconciliation, which
the hold's lock excludes, and `raise_counter`, which breaks that lock.

A record belongs to the period that its id's time is in, for admission, ledger and here alike; a
late settle's adjustment bears the time of what it adjusts. Windows of minutes are not looked at:
they have forgotten everything before anybody could be told.

A difference is repaired when a second look sees the same one, and not downwards, unless `lower` is
given: spending that Redis knows of and the ledger does not may be records in quarantine, or rows
that a restored Postgres has lost. It was spent all the same, and forgetting it would let a budget
be overshot. What is reserved is known from the leases alone, and repaired in both directions.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from uuid import UUID

import msgspec

from common.domain.ids import ulid_to_uuid
from common.domain.policies import Applied, Level
from common.domain.postable import NotPostable, check_record, read_record
from common.domain.reconciliation import (
    Counter,
    Drift,
    Entry,
    Sums,
    counters_of,
    drifts_of,
    entry_of,
)
from common.domain.usage import UsageRecord
from common.identifiers import new_ulid, now_ms
from common.state import cut
from common.state.commands import RedisCommands
from common.state.outbox import OutboxEntry
from common.store import reconciliation as store
from common.store.database import Database

SECOND_LOOK_S = 1.0
# Read while a cut is held for so long: rollups of a month of another calendar take some 0.2 s.
SUMS_AT_ONCE = 50
# Of a cut that something else has made worthless; each takes a second at most.
TRIES_MAX = 5


class CutBusy(Exception):
    """Another reconciliation is at it."""


class Outcome(msgspec.Struct):
    """What was found at some scopes: figures that were put right, and those that were left."""

    raised: list[Drift] = []
    lowered: list[Drift] = []
    left: list[Drift] = []

    @property
    def found(self) -> list[Drift]:
        """All of them."""
        return [*self.raised, *self.lowered, *self.left]


async def pages(
    database: Database, level: Level, subject: str | None = None
) -> AsyncIterator[list[Applied]]:
    """All scopes of a level whose spending is counted, or the one of a subject, page by page."""
    after = ""
    while True:
        async with database.transaction() as connection:
            page = await store.limited(connection, level, subject=subject, after=after)
        if not page:
            return
        yield [applied for _, applied in page]
        after = page[-1][0]


async def reconcile(
    database: Database,
    commands: RedisCommands,
    prefix: str,
    applied: Sequence[Applied],
    *,
    dry_run: bool = False,
    lower: bool = False,
) -> Outcome:
    """Compare the counters of these scopes with the ledger; repair what may be, note the rest.

    A dry run says what would be done and changes nothing. Raises `CutBusy`,
    `cut.OutboxTooDeep`, `cut.CutLost` when it was disturbed again and again, and what means that a
    store is away.
    """
    looks = _Looks(database, commands, prefix)
    counters = counters_of(applied, now_ms())
    first = {drift.name: drift for drift in await looks.at(counters)}
    outcome = Outcome()
    if first:
        await asyncio.sleep(SECOND_LOOK_S)
        suspects = {drift.counter.key for drift in first.values()}

        async def repair(token: str, drifts: list[Drift]) -> None:
            for drift in drifts:
                listed = _where(outcome, drift, lower, steady=drift.same_as(first.get(drift.name)))
                if listed is not outcome.left and not dry_run:
                    await cut.correct(commands, prefix, token, drift)
                listed.append(drift)

        again = [counter for counter in counters if counter.key in suspects]
        await looks.at(again, repair, tries=1)
    if not dry_run:
        async with database.transaction() as connection:
            await store.remember(connection, [one.scope for one in applied], outcome.left)
    return outcome


def _where(outcome: Outcome, drift: Drift, lower: bool, *, steady: bool) -> list[Drift]:
    """The list that says what is to become of it."""
    if not steady:
        return outcome.left
    if drift.difference < 0:
        return outcome.raised
    return outcome.lowered if lower or drift.figure == "reserved" else outcome.left


class _Looks:
    """Cuts of these stores, one after the other."""

    def __init__(self, database: Database, commands: RedisCommands, prefix: str) -> None:
        self._database = database
        self._commands = commands
        self._prefix = prefix

    async def at(
        self,
        counters: Sequence[Counter],
        repair: Callable[[str, list[Drift]], Awaitable[None]] | None = None,
        *,
        tries: int = TRIES_MAX,
    ) -> list[Drift]:
        """What differs at one moment. `repair` is called while that look's hold lasts."""
        for number in range(1, tries + 1):
            token = new_ulid()
            if not await cut.hold(self._commands, self._prefix, token):
                raise CutBusy
            try:
                found = await self._look(token, counters)
                if repair is not None:
                    await repair(token, found)
            except cut.CutLost:
                if number == tries:
                    raise
            else:
                return found
            finally:
                await cut.release(self._commands, self._prefix, token)
        raise cut.CutLost

    async def _look(self, token: str, counters: Sequence[Counter]) -> list[Drift]:
        made = await cut.read(self._commands, self._prefix, token, counters)
        async with self._database.transaction() as connection:
            await store.read_one_moment(connection)
            sums: dict[str, Sums] = {}
            for start in range(0, len(counters), SUMS_AT_ONCE):
                sums |= await store.sums(connection, counters[start : start + SUMS_AT_ONCE])
                await cut.keep(self._commands, self._prefix, token)
            waiting = await cut.entries(self._commands, self._prefix, token)
            records = _records(waiting)
            posted = await store.in_ledger(connection, list(records))
        entries = _entries(records, made, posted)
        return drifts_of(counters, made.seen, sums, entries)


def _records(entries: Iterable[OutboxEntry]) -> dict[UUID, tuple[UsageRecord, str]]:
    """Each record once, with the first of its places: the ledger takes it once too."""
    found: dict[UUID, tuple[UsageRecord, str]] = {}
    for entry in entries:
        try:
            record = read_record(msgspec.json.decode(entry.record))
            check_record(record, now_ms())
        except (NotPostable, msgspec.DecodeError):
            continue  # it goes to quarantine
        record_id = ulid_to_uuid(record.id)
        known = found.get(record_id)
        if known is None or cut.place_of(entry.outbox_id) < cut.place_of(known[1]):
            found[record_id] = record, entry.outbox_id
    return found


def _entries(
    records: dict[UUID, tuple[UsageRecord, str]], made: cut.Cut, posted: set[UUID]
) -> list[Entry]:
    return [
        entry_of(record, counted=made.holds(outbox_id), posted=record_id in posted)
        for record_id, (record, outbox_id) in records.items()
    ]
