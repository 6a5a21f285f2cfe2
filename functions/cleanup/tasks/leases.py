"""Leases of relays that died become interrupted records."""

from common.event_function import Worker
from common.state.leases import count_over, expire
from common.telemetry import catalogue
from functions.cleanup.turn import Turn

AT_ONCE = 500


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Expire all leases that are over. Raises `RedisUnavailable`."""
    done = turn.counts("expired")
    if turn.dry_run:
        done["expired"] = await count_over(worker.redis, worker.prefix, turn.now_ms)
        return done
    while not turn.over and (count := await expire(worker.redis, worker.prefix, AT_ONCE)):
        done["expired"] += count
        catalogue.LEASES_EXPIRED.increment(count)
    return done
