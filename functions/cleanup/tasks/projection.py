"""What administrators changed while Redis was away, and all of it when Redis lost everything."""

from common.event_function import Worker
from common.projection import rebuild, replay_changes
from common.state.projection import has_epoch
from common.store import keys
from common.telemetry import catalogue
from functions.cleanup.turn import Turn


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Bring the projection up to date. Raises `RedisUnavailable` and `DatabaseUnavailable`."""
    done = turn.counts("rebuilt", "replayed")
    complete = await has_epoch(worker.redis, worker.prefix)
    if turn.dry_run:
        done["rebuilt"] = int(not complete)
        async with worker.database.transaction() as connection:
            done["replayed"] = await keys.count_changes(connection)
        return done
    if not complete:
        done["rebuilt"] = int(await rebuild(worker.database, worker.redis, worker.prefix))
        catalogue.REBUILDS.increment(done["rebuilt"])
    while not turn.over and (
        count := await replay_changes(worker.database, worker.redis, worker.prefix)
    ):
        done["replayed"] += count
    return done
