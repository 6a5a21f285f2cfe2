"""What `notifications` is told by the clock: keys that end soon, messages to be tried again."""

from itertools import groupby

from common.announcing import announce_due, announce_expiring
from common.event_function import Worker
from common.events.types import EXPIRING_PER_EVENT_MAX, SOURCE_CLEANUP
from common.store import notifications
from common.store.notifications import Expiring
from functions.cleanup.turn import Turn

# So long before its end a key is told of: once each, the shortest that fits.
DAYS = (1, 7)
# Of one turn and each of `DAYS`; the next goes on.
KEYS_MAX = 500


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Send the events. Raises `DatabaseUnavailable`."""
    done = turn.counts("expiring", "due")
    told: set[str] = set()
    for days in DAYS:
        await _tell_expiring(worker, turn, days, told)
    async with worker.database.transaction() as connection:
        done["due"] = await notifications.count_due(connection)
    if done["due"] and not turn.dry_run:
        await announce_due(SOURCE_CLEANUP, done["due"], turn.now_ms, worker.send)
    return done


async def _tell_expiring(worker: Worker, turn: Turn, days: int, told: set[str]) -> None:
    """Those of `told` were in this turn; a dry run writes that nowhere else."""
    async with worker.database.transaction() as connection:
        found = await notifications.expiring_keys(connection, turn.now, days, KEYS_MAX)
    for keys in _together([key for key in found if key.id not in told]):
        if turn.over:
            return
        told |= {key.id for key in keys}
        if turn.dry_run:
            turn.done["expiring"] += len(keys)
            continue
        # What is not taken is found again by the next turn.
        if not await announce_expiring(SOURCE_CLEANUP, keys, days, turn.now_ms, worker.send):
            return
        async with worker.database.transaction() as connection:
            await notifications.keep_told(connection, keys, days)
        turn.done["expiring"] += len(keys)


def _together(keys: list[Expiring]) -> list[list[Expiring]]:
    """Those of a team in one event, as many as one carries; the soonest first."""
    by_team = sorted(keys, key=lambda key: (key.team_id or "", key.expires_at, key.id))
    teams = [list(keys) for _, keys in groupby(by_team, key=lambda key: key.team_id)]
    return [
        members[start : start + EXPIRING_PER_EVENT_MAX]
        for members in teams
        for start in range(0, len(members), EXPIRING_PER_EVENT_MAX)
    ]
