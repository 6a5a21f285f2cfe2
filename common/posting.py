"""Posting: usage records from events or from the outbox into the ledger, each exactly once.

The order is what makes it exact: first one transaction with ledger, sums and quarantine, then the
outbox is emptied of what that transaction has. Whatever dies in between, the records come again,
and what is there already changes nothing.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from common.domain.ids import ulid_to_uuid
from common.domain.postable import NotPostable, check_record, read_record
from common.domain.signature import verify
from common.domain.usage import UsageRecord
from common.identifiers import now_ms
from common.state.outbox import Outbox, OutboxEntry
from common.store import ledger, partitions
from common.store.database import Connection, Database
from common.telemetry import catalogue, logs

DRAIN_MAX = 500
# A record is brought by its event within seconds; only what is older waits for nobody.
DRAIN_AGE_MS = 5_000
_json = msgspec.json.Encoder()


class Arrival(msgspec.Struct, frozen=True):
    """A record that arrived: either `record`, or `reason` and `detail` why it is none.

    `given` is what came, decoded or not. `outbox_id` is only there if it may be trusted.
    """

    given: bytes | dict[str, Any]
    outbox_id: str | None = None
    record: UsageRecord | None = None
    reason: str = ""
    detail: str = ""

    @property
    def raw(self) -> bytes:
        """What to keep in quarantine; hardly any record needs it."""
        return self.given if isinstance(self.given, bytes) else _json.encode(self.given)


class Posted(msgspec.Struct):
    """What became of the records."""

    inserted: int = 0
    duplicate: int = 0
    quarantined: int = 0


def arrival_from_event(given: dict[str, Any], events_key: bytes) -> Arrival:
    """A record of an event; its signature says that a relay of this installation made it."""
    if not verify(given, events_key):
        return Arrival(given, reason="bad_signature", detail="the signature does not match")
    outbox_id = given.get("outbox_id")
    # Signature and outbox id are none of the record's members, and so are passed over.
    return _judged(given, given, outbox_id if isinstance(outbox_id, str) else None)


def arrival_from_outbox(entry: OutboxEntry) -> Arrival:
    """A record of the outbox, which only relays write."""
    try:
        given = msgspec.json.decode(entry.record)
    except msgspec.DecodeError as error:
        return Arrival(entry.record, entry.outbox_id, reason="malformed", detail=str(error))
    return _judged(given, entry.record, entry.outbox_id)


async def post(database: Database, outbox: Outbox, arrivals: Sequence[Arrival]) -> Posted:
    """Bring arrivals into ledger or quarantine, then out of the outbox.

    Raises `DatabaseUnavailable` (nothing happened) and `RedisUnavailable` (the ledger has them,
    the outbox still too).
    """
    posted = Posted()
    async with database.transaction() as connection:
        quarantined = await _write(connection, arrivals, posted)
    for arrival in quarantined:
        logs.log("record_quarantined", level="warning", reason=arrival.reason, why=arrival.detail)
    for result in ("inserted", "duplicate", "quarantined"):
        catalogue.LEDGER_RECORDS.increment(getattr(posted, result), result=result)
    await outbox.delete([arrival.outbox_id for arrival in arrivals if arrival.outbox_id])
    return posted


async def rehearse(database: Database, arrivals: Sequence[Arrival]) -> Posted:
    """What `post` would do with arrivals: done, and then taken back, so that nothing is changed.

    Raises `DatabaseUnavailable`.
    """
    posted = Posted()
    async with database.transaction() as connection, connection.transaction(force_rollback=True):
        await _write(connection, arrivals, posted)
    return posted


async def drain(database: Database, outbox: Outbox, *, age_ms: int = DRAIN_AGE_MS) -> Posted | None:
    """Post up to 500 of the oldest entries older than `age_ms`; None when there are none."""
    entries = await outbox.read(DRAIN_MAX, before_ms=now_ms() - age_ms)
    if not entries:
        return None
    return await post(database, outbox, [arrival_from_outbox(entry) for entry in entries])


def _judged(members: Any, given: bytes | dict[str, Any], outbox_id: str | None) -> Arrival:
    try:
        record = read_record(members)
        check_record(record, now_ms())
    except NotPostable as error:
        return Arrival(given, outbox_id, reason="malformed", detail=str(error))
    return Arrival(given, outbox_id, record)


async def _write(
    connection: Connection, arrivals: Sequence[Arrival], posted: Posted
) -> list[Arrival]:
    """Write all, count it, and return what went to quarantine."""
    good = [arrival for arrival in arrivals if arrival.record is not None]
    bad = [arrival for arrival in arrivals if arrival.record is None]
    placed, unplaced = await _split_by_partition(connection, good)
    refused = await _insert(connection, placed, posted)
    # In a fixed order, as all that is written here, so that two never wait in a circle.
    quarantined = sorted([*bad, *unplaced, *refused], key=lambda arrival: arrival.raw)
    posted.quarantined += len(quarantined)
    for arrival in quarantined:
        await ledger.quarantine(
            connection, arrival.reason, arrival.detail, arrival.outbox_id, arrival.raw
        )
    return quarantined


async def _insert(
    connection: Connection, placed: Sequence[Arrival], posted: Posted
) -> list[Arrival]:
    """All at once; returns whose values the database refuses."""
    good, refused = list(placed), []
    try:
        async with connection.transaction():
            inserted = await ledger.insert(connection, _records(good))
    except ledger.REFUSALS:
        # Each is tried and undone, then the good ones go in at once: in one after the other, two
        # aggregations would hold sums that the other waits for.
        tried = [await _tried(connection, arrival) for arrival in placed]
        good = [arrival for arrival in tried if not arrival.reason]
        refused = [arrival for arrival in tried if arrival.reason]
        inserted = await ledger.insert(connection, _records(good))
    posted.inserted += len(inserted)
    posted.duplicate += len(good) - len(inserted)
    return refused


async def _tried(connection: Connection, arrival: Arrival) -> Arrival:
    """The arrival, with the reason if the database refuses it; nothing is written."""
    try:
        async with connection.transaction(force_rollback=True):
            await ledger.insert(connection, _records([arrival]))
    except ledger.REFUSALS as error:
        return Arrival(arrival.given, arrival.outbox_id, reason="refused", detail=str(error))
    return arrival


def _records(arrivals: Sequence[Arrival]) -> list[UsageRecord]:
    return [arrival.record for arrival in arrivals if arrival.record is not None]


async def _split_by_partition(
    connection: Connection, good: list[Arrival]
) -> tuple[list[Arrival], list[Arrival]]:
    """What has a partition, and what is older than the oldest. Newer months are made."""
    if not good:
        return [], []
    bounds = await partitions.bounds(connection)
    ids = [ulid_to_uuid(arrival.record.id) for arrival in good if arrival.record is not None]
    if bounds is None or max(ids) >= bounds.until:
        await partitions.ensure(connection, now_ms())
        bounds = await partitions.bounds(connection)
    placed: list[Arrival] = []
    unplaced: list[Arrival] = []
    for arrival, record_id in zip(good, ids, strict=True):
        if bounds is not None and bounds.hold(record_id):
            placed.append(arrival)
        else:
            detail = f"no partition of the ledger takes {record_id}"
            unplaced.append(
                Arrival(arrival.given, arrival.outbox_id, reason="no_partition", detail=detail)
            )
    return placed, unplaced
