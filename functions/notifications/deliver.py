"""Messages that are due: tried now, all at once, and written down how it went.

A message is a row before it is sent, so nothing is lost by a crash; it is leased to one who tries
it, so two that come at the same time do not both send it. Who dies in between has maybe sent it:
the next one sends it again, with the same id.
"""

import asyncio
from datetime import UTC, datetime

from common.domain.delivery_attempts import next_attempt_ms
from common.event_function import Worker
from common.identifiers import now_ms
from common.notifying.channels import opened_channel
from common.notifying.sending import TIMEOUT_S, Failed, send
from common.store import notifications
from common.store.notifications import Claimed
from common.telemetry import catalogue, logs

AT_ONCE = 16
# Of one call; the rest is for the next, within the time that the trigger gives an event.
ROUNDS_MAX = 2
# What hiccups, does so for a moment: so each attempt is two, this long apart.
REPEAT_AFTER_S = 2.0
LEASE_S = round(3 * TIMEOUT_S)


async def deliver_due(worker: Worker) -> None:
    """Try what is due. Raises `DatabaseUnavailable`."""
    for _ in range(ROUNDS_MAX):
        async with worker.database.transaction() as connection:
            claimed = await notifications.claim(connection, AT_ONCE, LEASE_S)
            kept = await notifications.channels(connection, enabled=True) if claimed else []
        channels = {channel.id: channel for channel in kept}
        await asyncio.gather(*(_try(worker, one, channels.get(one.channel_id)) for one in claimed))
        if len(claimed) < AT_ONCE:
            return


async def _try(
    worker: Worker, claimed: Claimed, stored: notifications.StoredChannel | None
) -> None:
    if stored is None:
        return  # disabled or deleted since: who did that has said what becomes of it
    try:
        channel = opened_channel(stored, worker.keyring)
    except ValueError as error:
        failed: Failed | None = Failed(str(error))
    else:
        failed = await send(worker.upstream, channel, claimed.notice)
        if failed is not None and not failed.final:
            await asyncio.sleep(REPEAT_AFTER_S)
            failed = await send(worker.upstream, channel, claimed.notice)
    next_ms = next_attempt_ms(claimed.attempts, now_ms()) if failed else None
    given_up = failed is not None and (failed.final or next_ms is None)
    state: notifications.State = "given_up" if given_up else "waiting" if failed else "sent"
    after = datetime.fromtimestamp(next_ms / 1000, UTC) if next_ms else None
    async with worker.database.transaction() as connection:
        await notifications.finish(
            connection,
            claimed,
            state,
            error=failed.reason if failed else "",
            next_attempt_at=after if state == "waiting" else None,
        )
    catalogue.NOTIFICATIONS.increment(kind=stored.kind, result=state)
    logs.log(
        "notification",
        level="info" if failed is None else "error" if given_up else "warning",
        delivery_id=claimed.id,
        event_id=claimed.notice.event_id,
        channel=stored.name,
        kind=stored.kind,
        state=state,
        attempts=claimed.attempts,
        error=failed.reason if failed else None,
    )
