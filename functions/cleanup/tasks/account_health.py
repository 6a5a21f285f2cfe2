"""Accounts that are out of service: tried by a call that costs nothing, and each change told.

Requests try those whose rest is over, too, but only where they come by, and never one that is
unauthorized for as long as this task does. What a quota has exhausted no such call can tell: the
next request tries that.
"""

import asyncio

from common.accounts import UsableAccount
from common.announcing import announce_health
from common.domain.account_health import OK, Health, Rest
from common.event_function import Worker
from common.events.types import SOURCE_CLEANUP
from common.identifiers import new_ulid, now_ms
from common.providers.base import FAILING_MS, Failure
from common.providers.http import UpstreamClient
from common.providers.proving import prove
from common.state import account_failures, account_health
from common.state.account_failures import AccountFailure
from common.telemetry import logs
from functions.cleanup.known_accounts import known_accounts
from functions.cleanup.turn import Turn

AT_ONCE = 8
# So long after its rest was over nobody remembers an account that is gone.
FORGOTTEN_MS = 7 * 24 * 3_600_000


async def run(worker: Worker, turn: Turn) -> dict[str, int]:
    """Try what is due, tell what has changed. Raises `RedisUnavailable`."""
    done = turn.counts("restored", "failed", "forgotten", "told")
    accounts = await known_accounts(worker)
    found = await account_health.healths(worker.redis, worker.prefix, turn.now_ms)
    due = [accounts[one] for one, health in found.items() if _is_due(accounts.get(one), health)]
    serving: set[str] = set()
    upstream = UpstreamClient()
    try:
        for start in range(0, len(due), AT_ONCE):
            if turn.over:
                break
            batch = due[start : start + AT_ONCE]
            tried = await asyncio.gather(*(_try(worker, upstream, one, turn) for one in batch))
            serving |= {one.id for one, serves in zip(batch, tried, strict=True) if serves}
    finally:
        await upstream.close()
    for one, health in found.items():
        if one not in accounts and (health.until_ms or 0) < turn.now_ms - FORGOTTEN_MS:
            done["forgotten"] += 1
            if not turn.dry_run:
                await account_health.close(worker.redis, worker.prefix, one)
    await _tell_changes(worker, turn, accounts, serving)
    return done


def _is_due(account: UsableAccount | None, health: Health) -> bool:
    if account is None or not account.enabled or health.status == "quota_exhausted":
        return False
    return health.status == "unauthorized" or health.circuit == "half_open"


async def _try(
    worker: Worker, upstream: UpstreamClient, account: UsableAccount, turn: Turn
) -> bool:
    """Whether it was tried and serves."""
    redis, prefix = worker.redis, worker.prefix
    probe = "" if turn.dry_run else await account_health.take_probe(redis, prefix, account.id)
    if probe is None:
        return False  # a request tries it at this moment
    failure = await prove(account, upstream, new_ulid())
    turn.done["restored" if failure is None else "failed"] += 1
    if turn.dry_run:
        return failure is None
    logs.log(
        "account_tried",
        account_id=account.id,
        provider=account.provider,
        reason=None if failure is None else failure.reason.value,
        status=None if failure is None else failure.status,
    )
    if failure is None:
        await account_health.close(redis, prefix, account.id, probe)
        await account_failures.clear_failure(redis, prefix, account.id)
        return True
    rest = failure.rest(others=True) or Rest(FAILING_MS, "failing")
    await account_health.let_rest(redis, prefix, account.id, rest, probe)
    await _keep(worker, account, failure)
    return False


async def _keep(worker: Worker, account: UsableAccount, failure: Failure) -> None:
    before = (await account_failures.failures(worker.redis, worker.prefix)).get(account.id)
    count = before.count + 1 if before is not None else 1
    said = failure.said(account.credential)
    kept = AccountFailure(now_ms(), failure.reason.value, failure.status, count, said)
    await account_failures.put_failure(worker.redis, worker.prefix, account.id, kept)


async def _tell_changes(
    worker: Worker, turn: Turn, accounts: dict[str, UsableAccount], serving: set[str]
) -> None:
    """An event for each account whose status is another than the one that was told last.

    Those of `serving` serve again, if this is no dry run.
    """
    redis, prefix = worker.redis, worker.prefix
    current = await account_health.healths(redis, prefix, turn.now_ms)
    told = await account_health.told(redis, prefix)
    for one in sorted({*current, *told}):
        health = OK if turn.dry_run and one in serving else current.get(one, OK)
        if health.status == told.get(one, "ok"):
            continue
        if turn.dry_run:
            turn.done["told"] += 1
            continue
        provider = accounts[one].provider if one in accounts else ""
        if await announce_health(SOURCE_CLEANUP, one, provider, health, turn.now_ms, worker.send):
            turn.done["told"] += 1
            await account_health.remember_told(redis, prefix, one, health.status)
