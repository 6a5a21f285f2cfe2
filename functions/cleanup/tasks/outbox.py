"""Settled records that no event brought to the ledger; budgets' marks that nobody told of."""

from collections.abc import AsyncIterator

from common.announcing import announce_thresholds
from common.event_function import Worker
from common.events.types import SOURCE_CLEANUP
from common.identifiers import now_ms
from common.posting import DRAIN_AGE_MS, DRAIN_MAX, Posted, arrival_from_outbox, drain, rehearse
from common.telemetry import catalogue
from functions.cleanup.turn import Turn


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Drain the outbox. Raises `RedisUnavailable` and `DatabaseUnavailable`."""
    done = turn.counts("inserted", "duplicate", "quarantined", "waiting")
    batches = _rehearsed(worker) if turn.dry_run else _drained(worker)
    async for posted in batches:
        done["inserted"] += posted.inserted
        done["duplicate"] += posted.duplicate
        done["quarantined"] += posted.quarantined
        if turn.over:
            break
    done["waiting"], oldest_ms = await worker.outbox.depth()
    if turn.dry_run:
        done["waiting"] -= done["inserted"] + done["duplicate"] + done["quarantined"]
        return done
    await announce_thresholds(worker.redis, worker.prefix, SOURCE_CLEANUP, worker.send)
    catalogue.OUTBOX_DEPTH.set(done["waiting"])
    age_ms = 0 if oldest_ms is None else turn.now_ms - oldest_ms
    catalogue.OUTBOX_AGE_SECONDS.set(max(age_ms, 0) / 1000)
    return done


async def _drained(worker: Worker) -> AsyncIterator[Posted]:
    while posted := await drain(worker.database, worker.outbox):
        yield posted


async def _rehearsed(worker: Worker) -> AsyncIterator[Posted]:
    """The same batches, each taken back; what an earlier one has is then a duplicate."""
    seen: set[str] = set()
    after_id = "0"
    while entries := await worker.outbox.read(
        DRAIN_MAX, after_id, before_ms=now_ms() - DRAIN_AGE_MS
    ):
        after_id = entries[-1].outbox_id
        arrivals = [arrival_from_outbox(entry) for entry in entries]
        fresh = [each for each in arrivals if each.record is None or each.record.id not in seen]
        posted = await rehearse(worker.database, fresh)
        posted.duplicate += len(arrivals) - len(fresh)
        seen.update(each.record.id for each in arrivals if each.record is not None)
        yield posted
