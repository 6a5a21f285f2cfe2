"""The ledger's partitions for the months to come; replies whose time is over."""

from common.event_function import Worker
from common.store import idempotency, partitions
from functions.cleanup.turn import Turn


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Make what is missing. Raises `DatabaseUnavailable`."""
    done = turn.counts("made", "replies_wiped")
    async with worker.database.transaction() as connection:
        if turn.dry_run:
            done["made"] = len(await partitions.missing(connection, turn.now_ms))
            done["replies_wiped"] = await idempotency.count_old(connection)
            return done
        done["made"] = await partitions.ensure(connection, turn.now_ms)
    wiped = idempotency.WIPED_AT_ONCE
    while wiped == idempotency.WIPED_AT_ONCE and not turn.over:
        async with worker.database.transaction() as connection:
            wiped = await idempotency.wipe_old(connection)
        done["replies_wiped"] += wiped
    return done
