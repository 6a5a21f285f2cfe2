"""Settled records that no event brought to the ledger."""

from common.event_function import Worker
from common.posting import drain
from common.telemetry import catalogue
from functions.cleanup.turn import Turn


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Drain the outbox. Raises `RedisUnavailable` and `DatabaseUnavailable`."""
    done = turn.counts("inserted", "duplicate", "quarantined", "waiting")
    while not turn.dry_run and not turn.over:
        posted = await drain(worker.database, worker.outbox)
        if posted is None:
            break
        done["inserted"] += posted.inserted
        done["duplicate"] += posted.duplicate
        done["quarantined"] += posted.quarantined
    done["waiting"], oldest_ms = await worker.outbox.depth()
    catalogue.OUTBOX_DEPTH.set(done["waiting"])
    age_ms = 0 if oldest_ms is None else turn.now_ms - oldest_ms
    catalogue.OUTBOX_AGE_SECONDS.set(max(age_ms, 0) / 1000)
    return done
