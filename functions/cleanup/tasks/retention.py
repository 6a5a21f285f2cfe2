"""What is older than it is to be kept: partitions of the ledger, and rows of other tables.

What has been spent stays: rollups have an age of their own, and totals none.
"""

import asyncio

from common.event_function import Worker
from common.settings import Retention
from common.store import partitions, retention
from common.telemetry import logs
from functions.cleanup.turn import Turn

DEAD_LETTER_DAYS = 30
REPLY_DAYS = 30
NOTIFICATION_DAYS = 30
ROWS_AT_ONCE = 5_000
# Of each table at one turn; the next goes on.
ROWS_MAX = 1_000_000
PARTITIONS_MAX = 24
# Postings wait behind us for as long as we wait for a long reading: so a little, and often.
LOCK_TRIES_MAX = 20
LOCK_PAUSE_S = 1.0


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Drop and delete what is too old. Raises `DatabaseUnavailable`."""
    done = turn.counts("partitions", "partitions_busy")
    if worker.retention.ledger_days:
        await _drop_partitions(worker, turn, worker.retention.ledger_days)
    for table, days in _days(worker.retention).items():
        done[table] = 0
        if days:
            await _delete_rows(worker, turn, table, days)
    return done


def _days(kept: Retention) -> dict[str, int]:
    return {
        "usage_rollups": kept.rollup_days,
        "audit": kept.audit_days,
        "quarantine": kept.quarantine_days,
        "dead_letters": DEAD_LETTER_DAYS,
        "idempotent_replies": REPLY_DAYS,
        "notification_deliveries": NOTIFICATION_DAYS,
    }


async def _drop_partitions(worker: Worker, turn: Turn, days: int) -> None:
    before = turn.ago(days)
    if turn.dry_run:
        async with worker.database.transaction() as connection:
            turn.done["partitions"] = await partitions.count_droppable(
                connection, before, PARTITIONS_MAX
            )
        return
    busy = 0
    while turn.done["partitions"] < PARTITIONS_MAX and not turn.over:
        try:
            async with worker.database.transaction() as connection:
                dropped = await partitions.drop_oldest(connection, before)
        except partitions.PartitionBusy:
            busy += 1
            if busy == LOCK_TRIES_MAX:
                turn.done["partitions_busy"] = 1
                logs.log("partition_busy", level="warning", tries=busy)
                return
            await asyncio.sleep(LOCK_PAUSE_S)
            continue
        except partitions.PartitionHasNewer as error:
            logs.log("partition_kept", level="error", error=str(error))
            return
        if dropped is None:
            return
        turn.done["partitions"] += 1
        logs.log("partition_dropped", partition=dropped)


async def _delete_rows(worker: Worker, turn: Turn, table: str, days: int) -> None:
    before = turn.ago(days)
    if turn.dry_run:
        async with worker.database.transaction() as connection:
            turn.done[table] = await retention.count_old(connection, table, before, ROWS_MAX)
        return
    while turn.done[table] < ROWS_MAX and not turn.over:
        async with worker.database.transaction() as connection:
            deleted = await retention.delete_old(connection, table, before, ROWS_AT_ONCE)
        turn.done[table] += deleted
        if deleted < ROWS_AT_ONCE:
            return
