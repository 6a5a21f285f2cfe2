"""Events that tell people: a part of a budget is spent, a counter was wrong, an account rests."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, cast

from common.domain.account_health import Health
from common.domain.periods import NEVER_MS
from common.domain.policies import Level
from common.domain.reconciliation import Drift
from common.domain.thresholds import Passed, subject_of
from common.events.announce import Announcement
from common.events.types import (
    ACCOUNT_HEALTH,
    BUDGET_THRESHOLD,
    KEYS_EXPIRING,
    NOTIFICATIONS_DUE,
    SPEND_DRIFT,
    AccountHealth,
    BudgetThreshold,
    ExpiringKey,
    KeysExpiring,
    NotificationsDue,
    SpendDrift,
)
from common.identifiers import new_ulid, now_ms
from common.state import locks, thresholds
from common.state.commands import RedisCommands
from common.store.notifications import Expiring
from common.telemetry import logs

# Sends one event; says why it was not taken, or an empty text.
Send = Callable[[Announcement], Awaitable[str]]
AT_ONCE = 100
# One sender at a time, so that consumers seldom see an event twice; its id is the same anyway.
LOCK_MS = 60_000
_LOCK = "thresholds"


async def announce_thresholds(
    commands: RedisCommands, prefix: str, source: str, send: Send | None
) -> int:
    """Send what waits, at most `AT_ONCE`; returns how many were taken.

    Without anywhere to send to (`send` None) they are in the log only. One that is not taken stays
    for the next call, with all after it. Raises `RedisUnavailable`.
    """
    found = await thresholds.waiting(commands, prefix, AT_ONCE)
    token = new_ulid()
    if not found or not await locks.take(commands, prefix, _LOCK, token, LOCK_MS):
        return 0
    sent = 0
    try:
        # Read again: who held the lock may have sent some of them.
        for one in await thresholds.waiting(commands, prefix, AT_ONCE):
            if one.passed is not None and not await _tell(one.passed, one, prefix, source, send):
                break
            await thresholds.taken(commands, prefix, one.entry_id)
            sent += 1
    finally:
        await locks.free(commands, prefix, _LOCK, token)
    return sent


async def announce_drift(source: str, drift: Drift, repaired: bool, send: Send | None) -> None:
    """Send an event of a counter that was wrong; one that is not taken is in the log."""
    data = _drift_data(drift, repaired)
    logs.log(
        "counter_drift",
        level="warning",
        counter=drift.counter.key,
        figure=drift.figure,
        counted=data.counted,
        expected=data.expected,
        repaired=repaired,
    )
    if send is None:
        return
    named = f"{drift.name}\0{drift.difference}\0{repaired}"
    event_id = f"drift-{hashlib.sha256(named.encode()).hexdigest()[:32]}"
    announcement = Announcement(event_id, SPEND_DRIFT, source, drift.counter.scope, now_ms(), data)
    if reason := await send(announcement):
        logs.log("event_not_taken", level="warning", event_type=SPEND_DRIFT, reason=reason)


async def announce_health(
    source: str, account_id: str, provider: str, health: Health, moment_ms: int, send: Send | None
) -> bool:
    """Send an event of an account whose health has changed; whether it was taken.

    Without anywhere to send to it is in the log only, and counts as taken.
    """
    since, until = (_moment(one) for one in (health.since_ms, health.until_ms))
    level: Literal["info", "warning"] = "info" if health.status == "ok" else "warning"
    logs.log(
        "account_health",
        level=level,
        account_id=account_id,
        provider=provider,
        status=health.status,
        cause=health.cause,
        since=since,
        until=until,
    )
    if send is None:
        return True
    named = f"{account_id}\0{health.status}\0{health.since_ms or moment_ms}"
    event_id = f"health-{hashlib.sha256(named.encode()).hexdigest()[:32]}"
    data = AccountHealth(account_id, provider, health.status, health.cause, since, until)
    reason = await send(Announcement(event_id, ACCOUNT_HEALTH, source, account_id, moment_ms, data))
    if reason:
        logs.log("event_not_taken", level="warning", event_type=ACCOUNT_HEALTH, reason=reason)
    return not reason


async def announce_expiring(
    source: str, keys: Sequence[Expiring], days: int, moment_ms: int, send: Send | None
) -> bool:
    """Send an event of keys of one team that end within so many days; whether it was taken.

    Without anywhere to send to they are in the log only, and count as taken.
    """
    ids = [key.id for key in keys]
    logs.log("keys_expiring", days=days, team_id=keys[0].team_id, key_ids=ids)
    if send is None:
        return True
    named = "\0".join(f"{key.id} {key.expires_at.isoformat()}" for key in keys)
    event_id = f"expiring-{days}-{hashlib.sha256(named.encode()).hexdigest()[:32]}"
    told = [
        ExpiringKey(key.id, key.name, key.key_prefix, key.user_id, _written(key.expires_at))
        for key in keys
    ]
    data = KeysExpiring(days, keys[0].team_id, told)
    subject = keys[0].team_id or "organisation"
    reason = await send(Announcement(event_id, KEYS_EXPIRING, source, subject, moment_ms, data))
    if reason:
        logs.log("event_not_taken", level="warning", event_type=KEYS_EXPIRING, reason=reason)
    return not reason


async def announce_due(source: str, waiting: int, moment_ms: int, send: Send | None) -> None:
    """Wake whoever sends messages; should nobody hear it, the next tick does."""
    if send is None:
        return
    data = NotificationsDue(waiting)
    event = Announcement(new_ulid(), NOTIFICATIONS_DUE, source, "notifications", moment_ms, data)
    if reason := await send(event):
        logs.log("event_not_taken", level="warning", event_type=NOTIFICATIONS_DUE, reason=reason)


def _moment(moment_ms: int | None) -> str | None:
    if moment_ms is None:
        return None
    return _written(datetime.fromtimestamp(moment_ms / 1000, UTC))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def _tell(
    passed: Passed, entry: thresholds.Waiting, prefix: str, source: str, send: Send | None
) -> bool:
    try:
        data = _threshold_data(passed)
    except ValueError as error:
        logs.log("threshold_unreadable", level="error", error=str(error))
        return True
    logs.log(
        "budget_threshold",
        scope=passed.scope,
        period=passed.period,
        budget_usd=passed.budget_usd,
        spent_usd=passed.spent_usd,
        percent=passed.percent,
    )
    if send is None:
        return True
    announcement = Announcement(
        passed.event_id(prefix), BUDGET_THRESHOLD, source, passed.scope, entry.time_ms, data
    )
    if reason := await send(announcement):
        logs.log("event_not_taken", level="warning", event_type=BUDGET_THRESHOLD, reason=reason)
    return not reason


def _threshold_data(passed: Passed) -> BudgetThreshold:
    level, subject = subject_of(passed.scope)
    ends_at = None
    if passed.ends_ms != NEVER_MS:
        ends_at = datetime.fromtimestamp(passed.ends_ms / 1000, UTC).isoformat()
        ends_at = ends_at.replace("+00:00", "Z")
    period = cast("Literal['total', 'day', 'week', 'month']", passed.period.partition(":")[0])
    return BudgetThreshold(
        scope=cast("Level", level),
        scope_id=subject,
        period=period,
        period_id=passed.period,
        period_ends_at=ends_at,
        budget_usd=passed.budget_usd,
        spent_usd=passed.spent_usd,
        threshold_percent=passed.percent,
        highest_percent=max(passed.percent, passed.highest_percent),
    )


def _drift_data(drift: Drift, repaired: bool) -> SpendDrift:
    level, subject = subject_of(drift.counter.scope)
    return SpendDrift(
        scope=cast("Level", level),
        scope_id=subject,
        period_id=drift.counter.span.id,
        figure=drift.figure,
        counted=drift.written(drift.counted),
        expected=drift.written(drift.expected),
        difference=drift.written(drift.difference),
        repaired=repaired,
    )
