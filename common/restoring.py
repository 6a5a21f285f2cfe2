"""After a store was restored from a backup: keys, limits and counters in Redis are made anew.

Redis and Postgres then are of different times. Versions say nothing any more: a Postgres from
yesterday gives numbers a second time that Redis and relays know as something else; a Redis from
yesterday has keys that were revoked since. So nothing is admitted (the epoch goes first) until

1. every record in Postgres has a version that nobody has ever seen,
2. Redis has forgotten what it knew of keys, limits, accounts and prices, and has it from Postgres,
3. leases that are over are charged, and what waits in the outbox is in the ledger,
4. counters show what the ledger says, and what is open, exactly.

The epoch comes last. Whatever fails on the way leaves Relay closed, and the next call begins anew.
Leases, the outbox and counters are never thrown away: they are usage that Postgres may not know.
"""

from collections.abc import Awaitable, Callable

from common.identifiers import new_ulid, now_ms
from common.posting import drain
from common.projection import REBUILD_LOCK, project_all
from common.reconciliation import CutBusy, Outcome, pages, reconcile
from common.state import locks
from common.state.commands import RedisCommands
from common.state.leases import expire
from common.state.outbox import Outbox
from common.state.projection import forget_epoch, forget_projection, set_epoch
from common.store import reconciliation as store
from common.store.database import Database

# A page takes well under it; a process that died frees the way after it.
LOCK_MS = 120_000
EXPIRED_AT_ONCE = 500


async def after_restore(
    database: Database,
    commands: RedisCommands,
    prefix: str,
    *,
    lower: bool,
    tell: Callable[[str], None],
) -> Outcome:
    """Do all of it; `tell` hears how far it is. `lower` as in `reconcile`.

    Raises `CutBusy` while somebody rebuilds, and what `reconcile` raises.
    """
    token = new_ulid()
    await forget_epoch(commands, prefix)
    tell("nothing is admitted from now on")
    if not await locks.take(commands, prefix, REBUILD_LOCK, token, LOCK_MS):
        raise CutBusy
    try:
        await forget_epoch(commands, prefix)  # again: who held the lock may have set it
        async with database.transaction() as connection:
            await store.outrun_everything(connection, now_ms())
        forgotten = await forget_projection(commands, prefix)
        tell(f"{forgotten} records forgotten in Redis")
        await project_all(database, commands, prefix, _holding(commands, prefix, token))
        tell("keys, limits, accounts and prices are those of Postgres")
        while await expire(commands, prefix, EXPIRED_AT_ONCE):
            pass
        while await drain(database, Outbox(commands, prefix), age_ms=0):
            pass
        outcome = await _all_counters(database, commands, prefix, token, lower=lower)
        tell("all counters agree with the ledger" if not outcome.left else "some counters differ")
        await set_epoch(commands, prefix, token)
        tell("requests are admitted again")
        return outcome
    finally:
        await locks.free(commands, prefix, REBUILD_LOCK, token)


def _holding(commands: RedisCommands, prefix: str, token: str) -> Callable[[], Awaitable[None]]:
    async def hold() -> None:
        if not await locks.renew(commands, prefix, REBUILD_LOCK, token, LOCK_MS):
            raise CutBusy

    return hold


async def _all_counters(
    database: Database, commands: RedisCommands, prefix: str, token: str, *, lower: bool
) -> Outcome:
    whole = Outcome()
    hold = _holding(commands, prefix, token)
    for level in store.LEVELS:
        await hold()
        async for page in pages(database, level):
            await hold()
            part = await reconcile(database, commands, prefix, page, lower=lower)
            whole.raised += part.raised
            whole.lowered += part.lowered
            whole.left += part.left
    return whole
