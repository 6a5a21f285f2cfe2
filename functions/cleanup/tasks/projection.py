"""What administrators changed while Redis was away, or never committed; all when Redis lost all."""

from common.event_function import Worker
from common.projection import (
    count_ahead,
    keep_first_uses,
    rebuild,
    replay_changes,
    settle_ahead,
)
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
        done["replayed"] += await count_ahead(worker.database, worker.redis, worker.prefix)
        return done
    if not complete:
        done["rebuilt"] = int(await rebuild(worker.database, worker.redis, worker.prefix))
        catalogue.REBUILDS.increment(done["rebuilt"])
    await keep_first_uses(worker.database, worker.redis, worker.prefix)
    await settle_ahead(worker.database, worker.redis, worker.prefix)
    while not turn.over and (
        count := await replay_changes(worker.database, worker.redis, worker.prefix)
    ):
        done["replayed"] += count
    return done
