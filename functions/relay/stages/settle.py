"""Settle: one call closes the lease and puts the record into the outbox.

It runs apart from the request, so that neither a caller who left nor a Redis that is away for a
while can stop it; it is repeated until it is done or the process ends (then the lease expires
and the draft is posted instead).
"""

import asyncio
import time

from common.domain.settlement import NOT_BOUNDED
from common.domain.usage import Status, UsageRecord
from common.settling import Posted, settle_record
from common.state.commands import RedisUnavailable
from common.telemetry import logs
from functions.relay.open_request import OpenRequest
from functions.relay.records import final_record
from functions.relay.reservations import held_rules, prices_of
from functions.relay.services import Services

RETRY_S_FIRST = 0.05
RETRY_S_MAX = 2.0
# So long after a call whose answer was lost Redis surely still knows whether it was executed: less
# than SETTLED_MEMORY_MS in shared.lua.
KNOWN_S = 50.0


def settle(
    services: Services, request: OpenRequest, status: Status, finish_cause: str
) -> asyncio.Task[None]:
    """Start to settle an admitted request that is over."""
    record = final_record(prices_of(services, request), request, status, finish_cause)
    served = status == "ok" and bool(request.attempts)  # by an account, not by a kept answer
    if record.usage_source == "reported" and served:
        services.estimates.learn(request, record.tokens)
    if served and request.account is not None:
        services.latencies.learn(request)
        if request.sticky_key is not None:
            from functions.relay.stages.sticky import remember

            services.run_in_background(remember(services, request))
    services.unsettled.add(request.id)
    return services.run_in_background(_settle_until_done(services, request, record))


async def _settle_until_done(services: Services, request: OpenRequest, record: UsageRecord) -> None:
    pause_s = RETRY_S_FIRST
    lost_s: float | None = None
    while True:
        in_doubt = lost_s is not None and time.monotonic() - lost_s > KNOWN_S
        try:
            await _settle(services, request, record, in_doubt=in_doubt)
        except RedisUnavailable as error:
            if error.sent and lost_s is None:
                lost_s = time.monotonic()
            logs.log("settle_delayed", level="warning", request_id=record.id, error=str(error))
        else:
            services.unsettled.discard(request.id)
            return
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, RETRY_S_MAX)


async def _settle(
    services: Services, request: OpenRequest, record: UsageRecord, *, in_doubt: bool
) -> None:
    """`in_doubt`: it may have been done so long ago that Redis has forgotten it.

    Then what has no lease is appended and not counted: the ledger takes a record once, a counter
    would take it twice.
    """
    posted = await settle_record(
        services.admission,
        record,
        reserved_nano=request.reserved_nano if request.is_bounded else NOT_BOUNDED,
        rules=b"" if in_doubt else held_rules(request),
        # A job has its lease until it is settled: without one, somebody else settled it.
        append_unleased=request.admitted and not request.entrusted,
        failed=request.failed_account,
    )
    if request.entrusted:
        await services.jobs.forget(request.id)
    if posted is None:
        return
    if posted.record.kind == "adjustment":
        logs.log("settled_late", level="warning", request_id=request.id)
    announce(services, posted)


def announce(services: Services, posted: Posted) -> None:
    """Send the event of a record that is in the outbox."""
    if services.emitter is not None:
        from common.domain.signature import signed

        services.emitter.add(signed(posted.record, posted.outbox_id, services.events_key))
