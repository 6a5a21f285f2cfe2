"""Secrets that a rotation replaced, once their grace is over: out of Redis, then out of Postgres.

The key itself stays as it is: its own end is a matter of admission, and its owner may move it.
"""

import asyncio

from common.event_function import Worker
from common.identifiers import new_ulid
from common.state.projection import remove_key
from common.store import audit, keys
from common.store.database import Connection
from functions.cleanup.turn import Turn

AT_ONCE = 200
ACTOR = "cleanup"
ACTION = "key.expire-secret"


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Delete secrets that are over. Raises `RedisUnavailable` and `DatabaseUnavailable`."""
    done = turn.counts("secrets_deleted")
    if turn.dry_run:
        async with worker.database.transaction() as connection:
            done["secrets_deleted"] = await keys.count_expired_secrets(connection, turn.now)
        return done
    while not turn.over and (count := await _delete(worker, turn)):
        done["secrets_deleted"] += count
    return done


async def _delete(worker: Worker, turn: Turn) -> int:
    async with worker.database.transaction() as connection:
        expired = await keys.delete_expired_secrets(connection, turn.now, AT_ONCE)
        for secret in expired:
            await _audit(connection, secret)
        # Before the commit: should Redis be away, nothing is changed and the next turn finds them.
        await _remove(worker, expired)
    # And after it: a request with such a secret meanwhile has projected it anew, as expired.
    await _remove(worker, expired)
    return len(expired)


async def _audit(connection: Connection, secret: keys.ExpiredSecret) -> None:
    before = {"key_prefix": secret.key_prefix, "secret_expires_at": secret.expires_at.isoformat()}
    await audit.write(
        connection,
        audit_id=new_ulid(),
        actor=ACTOR,
        action=ACTION,
        subject_kind="key",
        subject_id=secret.key_id,
        address="",
        detail={"before": before, "after": None},
    )


async def _remove(worker: Worker, secrets: list[keys.ExpiredSecret]) -> None:
    await asyncio.gather(
        *(remove_key(worker.redis, worker.prefix, secret.key_hash) for secret in secrets)
    )
