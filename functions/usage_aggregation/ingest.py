"""One event: its records into the ledger in one transaction, then what else is due."""

import math
import time

from common.announcing import announce_thresholds
from common.event_function import Worker
from common.events.receive import Event, MalformedEvent, data_as
from common.events.types import (
    OUR_TYPES,
    SOURCE_USAGE_AGGREGATION,
    USAGE_RECORDED,
    UsageRecorded,
)
from common.identifiers import now_ms
from common.posting import arrival_from_event, drain, post
from common.projection import keep_first_uses
from common.state.commands import RedisUnavailable
from common.state.leases import expire
from common.telemetry import catalogue, logs

EXPIRE_MAX = 500

# When this process swept last, on its monotonic clock.
_swept_at = -math.inf


async def ingest(worker: Worker, event: Event) -> None:
    """Post the records. Raises `MalformedEvent` and `DatabaseUnavailable`."""
    if event.type in OUR_TYPES and event.type != USAGE_RECORDED:
        return  # for others: where there is no broker, all events come here
    if event.type != USAGE_RECORDED:
        raise MalformedEvent(f"type is {event.type!r}: {USAGE_RECORDED!r} belongs here")
    given = data_as(event, UsageRecorded).records
    arrivals = [arrival_from_event(record, worker.events_key) for record in given]
    try:
        if arrivals:
            posted = await post(worker.database, worker.outbox, arrivals)
            logs.log(
                "posted",
                event_id=event.id,
                inserted=posted.inserted,
                duplicate=posted.duplicate,
                quarantined=posted.quarantined,
                request_ids=[arrival.record.id for arrival in arrivals if arrival.record],
            )
        await announce_thresholds(
            worker.redis, worker.prefix, SOURCE_USAGE_AGGREGATION, worker.send
        )
        await _sweep(worker)
    except RedisUnavailable as error:
        # The ledger has the records; the outbox is emptied by whoever finds Redis again.
        if worker.stopping:
            logs.log("sweep_left", note="the outbox has them", error=str(error))
        else:
            logs.log("outbox_unavailable", level="warning", error=str(error))


async def _sweep(worker: Worker) -> None:
    """While awake: leases that are over, and up to 500 older entries of the outbox.

    A by-product of traffic, at most once in `RELAY_SWEEP_INTERVAL_S` however many events come.
    """
    global _swept_at  # noqa: PLW0603 - one clock a process
    if time.monotonic() - _swept_at < worker.sweep_interval_s:
        return
    _swept_at = time.monotonic()
    if expired := await expire(worker.redis, worker.prefix, EXPIRE_MAX):
        catalogue.LEASES_EXPIRED.increment(expired)
        logs.log("leases_expired", level="warning", count=expired)
    if (posted := await drain(worker.database, worker.outbox)) is not None:
        logs.log("drained", inserted=posted.inserted, duplicate=posted.duplicate)
    await keep_first_uses(worker.database, worker.redis, worker.prefix)
    depth, oldest_ms = await worker.outbox.depth()
    catalogue.OUTBOX_DEPTH.set(depth)
    catalogue.OUTBOX_AGE_SECONDS.set(0 if oldest_ms is None else (now_ms() - oldest_ms) / 1000)
