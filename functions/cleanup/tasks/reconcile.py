"""Counters of budgets and daily limits against the ledger (`common/reconciliation.py`)."""

from common.announcing import announce_drift
from common.domain.policies import Applied
from common.event_function import Worker
from common.events.types import SOURCE_CLEANUP
from common.reconciliation import CutBusy, Outcome, reconcile
from common.state.cut import CutLost, OutboxTooDeep
from common.store import reconciliation
from common.telemetry import catalogue, logs
from functions.cleanup.turn import Turn

# At one moment. Between two of them Redis and Postgres have time for others.
SCOPES_AT_ONCE = 200
# Of one run; the next goes on.
SCOPES_MAX = 20_000
# More of one run are in the log and the store, not on the broker.
EVENTS_MAX = 100
_STOPPED = {CutBusy: "another one goes on", CutLost: "disturbed", OutboxTooDeep: "outbox too deep"}


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Look at all scopes from where the last run stopped; repair, report.

    Raises `RedisUnavailable` and `DatabaseUnavailable`.
    """
    turn.counts("raised", "lowered", "left", "stopped")
    try:
        await _look_at_all(worker, turn)
    except tuple(_STOPPED) as error:
        # Nothing is half done, and the next run begins here.
        turn.done["stopped"] = 1
        logs.log("reconcile_stopped", level="warning", reason=_STOPPED[type(error)])
    if not turn.dry_run:
        await _show(worker)
    return turn.done


async def _look_at_all(worker: Worker, turn: Turn) -> None:
    async with worker.database.transaction() as connection:
        after = await reconciliation.cursor_of(connection)
    looked = 0
    level, _, subject = after.partition(":")
    first = reconciliation.LEVELS.index(level) if level in reconciliation.LEVELS else 0
    for level in reconciliation.LEVELS[first:]:
        while not turn.over and looked < SCOPES_MAX:
            async with worker.database.transaction() as connection:
                page = await reconciliation.limited(
                    connection, level, after=subject, limit=SCOPES_AT_ONCE
                )
            if not page:
                break
            await _look_at(worker, turn, [applied for _, applied in page])
            looked += len(page)
            subject = page[-1][0]
            await _stop_at(worker, turn, f"{level}:{subject}")
        else:
            return
        subject = ""
    await _stop_at(worker, turn, "")


async def _look_at(worker: Worker, turn: Turn, applied: list[Applied]) -> None:
    outcome = await reconcile(
        worker.database, worker.redis, worker.prefix, applied, dry_run=turn.dry_run
    )
    turn.done["raised"] += len(outcome.raised)
    turn.done["lowered"] += len(outcome.lowered)
    turn.done["left"] += len(outcome.left)
    if not turn.dry_run:
        await report(worker, outcome)


async def report(worker: Worker, outcome: Outcome) -> None:
    """Count what was repaired; an event and a line of the log for each."""
    catalogue.COUNTERS_REPAIRED.increment(len(outcome.raised), direction="raised")
    catalogue.COUNTERS_REPAIRED.increment(len(outcome.lowered), direction="lowered")
    for number, drift in enumerate(outcome.found):
        send = worker.send if number < EVENTS_MAX else None
        await announce_drift(SOURCE_CLEANUP, drift, drift not in outcome.left, send)


async def _stop_at(worker: Worker, turn: Turn, after: str) -> None:
    if not turn.dry_run:
        async with worker.database.transaction() as connection:
            await reconciliation.put_cursor(connection, after)


async def _show(worker: Worker) -> None:
    async with worker.database.transaction() as connection:
        await reconciliation.forget_unlooked(connection)
        sums = await reconciliation.drift_sums(connection)
    catalogue.SPEND_DRIFT_USD.replace({("under",): sums.under_usd, ("over",): sums.over_usd})
